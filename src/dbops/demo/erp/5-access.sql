-- Who may see and do what. Each tenant table gets row-level security, ENABLEd and FORCEd (the owner obeys it too), one
-- restrictive floor that binds every role to its tenant whatever policy is added later, and a permissive policy per
-- command that the application really has. No tenant set, or an empty one, is null: no row at all.
set local role erp_owner;

do $policies$
declare
    -- The sub-select is evaluated once a statement, not once a row.
    tenant constant text := 'org_id = (select nullif(pg_catalog.current_setting(''app.org_id'', true), '''')::bigint)';
    protected record;
begin
    for protected in
        select table_name, commands
        from (values
            ('audit_log', array['select', 'insert']),
            ('customers', array['select', 'insert', 'update', 'delete']),
            ('ledger_accounts', array['select', 'insert', 'update', 'delete']),
            ('ledger_entries', array['select', 'insert']),
            ('order_events', array['select', 'insert', 'update', 'delete']),
            ('order_lines', array['select', 'insert', 'update', 'delete']),
            ('orders', array['select', 'insert', 'update', 'delete']),
            ('org_memberships', array['select', 'insert', 'update', 'delete']),
            ('payments', array['select', 'insert', 'update', 'delete']),
            ('webauthn_credentials', array['select', 'insert', 'update', 'delete'])
        ) as tenant_tables (table_name, commands)
        order by table_name
    loop
        execute pg_catalog.format(
            'alter table public.%1$I enable row level security, force row level security;'
            'create policy tenant_floor on public.%1$I as restrictive for all to public using (%2$s) with check (%2$s);',
            protected.table_name, tenant
        );
        execute pg_catalog.format('create policy app_select on public.%I for select to erp_app using (%s)',
            protected.table_name, tenant);
        execute pg_catalog.format('create policy app_insert on public.%I for insert to erp_app with check (%s)',
            protected.table_name, tenant);
        if 'update' = any (protected.commands) then
            execute pg_catalog.format(
                'create policy app_update on public.%1$I for update to erp_app using (%2$s) with check (%2$s)',
                protected.table_name, tenant);
        end if;
        if 'delete' = any (protected.commands) then
            execute pg_catalog.format('create policy app_delete on public.%I for delete to erp_app using (%s)',
                protected.table_name, tenant);
        end if;
        execute pg_catalog.format('grant %s on public.%I to erp_app',
            pg_catalog.array_to_string(protected.commands, ', '), protected.table_name);
    end loop;
end
$policies$;

-- A partition is a table: reached by its own name, only its own policies count. It has none, so nobody gets a row.
do $partitions$
declare
    partition_name name;
begin
    for partition_name in
        select relname
        from pg_catalog.pg_class
        where relispartition and relkind = 'r' and relnamespace = 'public'::pg_catalog.regnamespace
        order by relname
    loop
        execute pg_catalog.format(
            'alter table public.%I enable row level security, force row level security', partition_name);
    end loop;
end
$partitions$;

grant select on public.currencies, public.orgs, public.users to erp_app;
grant insert, update on public.users to erp_app;
grant usage on sequence public.ledger_transaction_ids to erp_app;

grant select on all tables in schema public to erp_backup;
grant select on all sequences in schema public to erp_backup, dbops_audit;

-- Debits equal credits, checked when the transaction commits, whoever posted.
create function public.ledger_balances() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
    as $balance$
begin
    if (
        select pg_catalog.sum(debit_cents) is distinct from pg_catalog.sum(credit_cents)
        from public.ledger_entries
        where org_id = new.org_id and transaction_id = new.transaction_id
    ) then
        raise exception 'ledger transaction % of org % does not balance', new.transaction_id, new.org_id
            using errcode = 'check_violation';
    end if;
    return null;
end
$balance$;
revoke all on function public.ledger_balances() from public;

create constraint trigger ledger_entries_balance after insert on public.ledger_entries
    deferrable initially deferred
    for each row execute function public.ledger_balances();

reset role;

-- Signing in with a passkey comes before the tenant is known, so this one lookup must look across tenants. It is as
-- narrow as can be: one credential named in full, the five columns that the ceremony needs, callable by the app alone,
-- owned by a role that nobody signs in as and that can read nothing else.
create function public.passkey_owner(presented bytea)
    returns table (org_id bigint, user_id bigint, credential bigint, public_key bytea, sign_count bigint)
    language sql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
    as $passkey$
        select passkey.org_id, passkey.user_id, passkey.id, passkey.public_key, passkey.sign_count
        from public.webauthn_credentials as passkey
        where passkey.credential_id = presented
    $passkey$;
comment on function public.passkey_owner(bytea) is 'Passkey sign-in: whose credential this is, before the tenant is known';
revoke all on function public.passkey_owner(bytea) from public;
grant execute on function public.passkey_owner(bytea) to erp_app;
grant select on public.webauthn_credentials to erp_passkey;
alter function public.passkey_owner(bytea) owner to erp_passkey;
