-- Every table and sequence whose content pg_dump writes, and whether this role may read all of it.
-- A partitioned table is listed because pg_dump locks it; its rows are in its partitions.
-- `filtered`: row-level security would hide rows from this role (pg_dump then fails, or worse, is told not to).
select
    c.oid::bigint as oid,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    c.relpersistence::text as persistence,
    greatest(c.relpages, 0)::bigint as pages,
    pg_catalog.has_schema_privilege(n.oid, 'usage') and (
        case when c.relkind = 'S' then pg_catalog.has_sequence_privilege(c.oid, 'select')
        else pg_catalog.has_table_privilege(c.oid, 'select') end
    ) as readable,
    c.relrowsecurity and pg_catalog.row_security_active(c.oid) as filtered,
    exists (
        select from pg_catalog.pg_depend as e
        where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and e.objid = c.oid
            and e.deptype = 'e'
    ) as of_extension
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'S')
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
order by n.nspname collate "C", c.relname collate "C"
