-- Every table and sequence whose content pg_dump writes, and whether this role may read all of it.
-- A partitioned table is listed because pg_dump locks it; its rows are in its partitions.
-- `filtered`: row-level security would hide rows from this role (pg_dump then fails, or worse, is told not to).
-- `key`: the columns of the primary key, null without one. `inherited`: the columns in name order, where the table has a
-- parent that it is no partition of: such a table may be restored with its columns in another order.
with keys as materialized (
    select
        i.indrelid,
        pg_catalog.array_agg(a.attname::text order by k.place) as columns,
        pg_catalog.count(*) = 1 and pg_catalog.bool_and(a.atttypid in (20, 21, 23)) as of_one_integer
    from pg_catalog.pg_index as i
    cross join lateral pg_catalog.unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
    join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indisprimary and i.indisvalid
    group by i.indrelid
),
children as materialized (
    select h.inhrelid, pg_catalog.array_agg(a.attname::text order by a.attname::text collate "C") as columns
    from (select distinct p.inhrelid from pg_catalog.pg_inherits as p) as h
    join pg_catalog.pg_class as c on c.oid = h.inhrelid
    join pg_catalog.pg_attribute as a on a.attrelid = h.inhrelid
    where c.relkind = 'r' and not c.relispartition and a.attnum > 0 and not a.attisdropped
    group by h.inhrelid
)
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
    ) as of_extension,
    k.columns as key,
    coalesce(k.of_one_integer, false) as integer_key,
    h.columns as inherited
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join keys as k on k.indrelid = c.oid
left join children as h on h.inhrelid = c.oid
where c.relkind in ('r', 'p', 'S')
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
order by n.nspname collate "C", c.relname collate "C"
