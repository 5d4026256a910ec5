-- How many tables and indexes of users have pages: what could be damaged. TOAST counts with its table's.
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
select (select pg_catalog.count(*) from heaps as h) + (
    select pg_catalog.count(*)
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as c on c.oid = i.indexrelid
    where c.relkind = 'i' and i.indrelid in (select h.oid from heaps as h)
) as total
