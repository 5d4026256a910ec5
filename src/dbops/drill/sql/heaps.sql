-- What pg_amcheck reads row by row: the tables of users, and what TOAST keeps of theirs. Goes before btrees.sql and
-- with_pages.sql.
with tables as (
    select c.oid, c.reltoastrelid
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm')
        and c.relpersistence <> 't'
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
),
heaps as (
    select t.oid from tables as t
    union all
    select t.reltoastrelid from tables as t where t.reltoastrelid <> 0
)
