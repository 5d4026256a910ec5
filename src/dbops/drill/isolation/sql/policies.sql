-- The row-level security policies of tables that apply to a role, with their expressions as text. `check` is what a new
-- row must meet: WITH CHECK, or USING where there is none and the policy speaks of rows that are read too.
select
    p.polrelid::bigint as oid,
    p.polname::text as name,
    p.polcmd::text as command,
    p.polpermissive as permissive,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using_text,
    coalesce(
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),
        case when p.polcmd in ('*', 'w') then pg_catalog.pg_get_expr(p.polqual, p.polrelid) end
    ) as check_text
from pg_catalog.pg_policy as p
where p.polrelid = any (%(tables)s::oid[])
    and (
        0 = any (p.polroles)
        or exists (
            select from pg_catalog.unnest(p.polroles) as r (oid) where pg_catalog.pg_has_role(%(role)s::name, r.oid, 'usage')
        )
    )
order by p.polrelid, p.polname collate "C"
