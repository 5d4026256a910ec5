-- For PostgreSQL 15 and newer: a view that obeys the policies of who asks (security_invoker). Before 15 a view always
-- looks with its owner's eyes, so there the demo has none.
set local role erp_owner;

create view public.account_balances with (security_invoker = true) as
select
    account.org_id,
    account.id as account_id,
    account.code,
    account.name,
    account.kind,
    coalesce(pg_catalog.sum(entry.debit_cents - entry.credit_cents), 0)::bigint as balance_cents
from public.ledger_accounts as account
left join public.ledger_entries as entry on entry.org_id = account.org_id and entry.account_id = account.id
group by account.org_id, account.id, account.code, account.name, account.kind;
comment on view public.account_balances is 'The trial balance: sums to nil for every tenant';
grant select on public.account_balances to erp_app, erp_backup;

reset role;
