-- What the example adds to the demo ERP, run once by a superuser.
-- Which tenants somebody may act for is asked before the tenant is known, and org_memberships shows a tenant its own rows
-- alone. So this one question looks across tenants, as narrowly as the passkey lookup of the ERP (passkey_owner): one
-- user named in full, the ids and nothing else, callable by the app alone, owned by a role that nobody signs in as.
create function public.organizations_of(asking bigint)
    returns table (org_id bigint)
    language sql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
    as $organizations$
        select membership.org_id
        from public.org_memberships as membership
        where membership.user_id = asking
        order by membership.org_id
    $organizations$;
comment on function public.organizations_of(bigint) is 'The grant behind a claimed org_id: whom this user may act for';
revoke all on function public.organizations_of(bigint) from public;
grant execute on function public.organizations_of(bigint) to erp_app;
grant select (org_id, user_id) on public.org_memberships to erp_passkey;
alter function public.organizations_of(bigint) owner to erp_passkey;
