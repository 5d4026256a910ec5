-- Every populated materialized view that this role may read, as a table of rows (tables.sql): no dump carries them.
select
    c.oid::bigint as oid,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    c.relpersistence::text as persistence,
    greatest(c.relpages, 0)::bigint as pages,
    true as readable,
    false as filtered,
    false as of_extension
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'm'
    and c.relispopulated
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and pg_catalog.has_schema_privilege(n.oid, 'usage')
    and pg_catalog.has_table_privilege(c.oid, 'select')
    and not exists (
        select from pg_catalog.pg_depend as e
        where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and e.objid = c.oid
            and e.deptype = 'e'
    )
order by n.nspname collate "C", c.relname collate "C"
