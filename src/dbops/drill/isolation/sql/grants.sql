-- What a role may do to each table, by grants alone, memberships and PUBLIC included.
select
    c.oid::bigint as oid,
    pg_catalog.has_schema_privilege(%(role)s::name, c.relnamespace, 'usage') as reaches,
    pg_catalog.has_table_privilege(%(role)s::name, c.oid, 'delete') as deletes,
    pg_catalog.has_table_privilege(%(role)s::name, c.oid, 'truncate') as truncates,
    coalesce(
        pg_catalog.array_agg(a.attname::text) filter (
            where pg_catalog.has_column_privilege(%(role)s::name, c.oid, a.attnum, 'select')
        ),
        '{}'
    ) as reads,
    coalesce(
        pg_catalog.array_agg(a.attname::text) filter (
            where pg_catalog.has_column_privilege(%(role)s::name, c.oid, a.attnum, 'insert')
        ),
        '{}'
    ) as inserts,
    coalesce(
        pg_catalog.array_agg(a.attname::text) filter (
            where pg_catalog.has_column_privilege(%(role)s::name, c.oid, a.attnum, 'update')
        ),
        '{}'
    ) as updates
from pg_catalog.pg_class as c
join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.oid = any (%(tables)s::oid[])
group by c.oid, c.relnamespace
order by c.oid
