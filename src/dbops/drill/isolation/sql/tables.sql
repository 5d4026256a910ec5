-- Every table with a tenant column, partitions too: reached by its own name, only a partition's own policies count.
-- Given `schemas` and `names`: instead of those, the tables of these names that have no such column. Views too, where they are asked for. `updatable` has a bit for each command that writes to it.
-- `tenant` is the first of the configured columns that the table has. Types are spelled for an empty search_path.
-- `counted`: a default that moves a sequence. `keys`: unique indexes over whole rows and plain columns, as lists of columns. `armed`: triggers that fire even where
-- session_replication_role is replica.
with tenant_columns as materialized (
    select distinct on (a.attrelid) a.attrelid as relid, a.attname::text as name
    from pg_catalog.unnest(%(columns)s::text[]) with ordinality as wanted (name, place)
    join pg_catalog.pg_attribute as a on a.attname = wanted.name and a.attnum > 0 and not a.attisdropped
    order by a.attrelid, wanted.place
)
select
    c.oid::bigint as oid,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    c.relispartition as is_partition,
    c.relhassubclass as has_children,
    coalesce(t.name, '') as tenant,
    -- Of a foreign table that would ask its wrapper.
    case when c.relkind = 'v' then pg_catalog.pg_relation_is_updatable(c.oid, false) else 0 end as updatable,
    (
        select pg_catalog.json_agg(
            pg_catalog.json_build_object(
                'name', a.attname,
                'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
                'base', coalesce(base.typname, y.typname),
                'plain_type', pg_catalog.format_type(
                    coalesce(base.oid, y.oid), case when base.oid is null then a.atttypmod else y.typtypmod end
                ),
                'category', y.typcategory,
                'domain', y.typtype = 'd',
                'nullable', not a.attnotnull,
                'identity', a.attidentity::text,
                'generated', a.attgenerated <> '',
                'default', a.atthasdef,
                'counted', exists (
                    select from pg_catalog.pg_attrdef as f
                    join pg_catalog.pg_depend as d
                        on d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and d.objid = f.oid
                        and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    join pg_catalog.pg_class as q on q.oid = d.refobjid and q.relkind = 'S'
                    where f.adrelid = a.attrelid and f.adnum = a.attnum
                )
            )
            order by a.attnum
        )
        from pg_catalog.pg_attribute as a
        join pg_catalog.pg_type as y on y.oid = a.atttypid
        left join pg_catalog.pg_type as base on base.oid = y.typbasetype and y.typtype = 'd'
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ) as columns,
    (
        select coalesce(
            pg_catalog.json_agg(
                pg_catalog.json_build_object('name', k.relname, 'schema', kn.nspname, 'columns', k.columns)
                order by k.relname
            ),
            '[]'
        )
        from (
            select
                ic.relname,
                ic.relnamespace,
                (
                    select pg_catalog.array_agg(a.attname order by key.place)
                    from pg_catalog.unnest(i.indkey::smallint[]) with ordinality as key (attnum, place)
                    join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = key.attnum
                    where key.place <= i.indnkeyatts
                ) as columns
            from pg_catalog.pg_index as i
            join pg_catalog.pg_class as ic on ic.oid = i.indexrelid
            where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
                and i.indpred is null and i.indexprs is null
        ) as k
        join pg_catalog.pg_namespace as kn on kn.oid = k.relnamespace
    ) as keys,
    (
        select coalesce(pg_catalog.array_agg(g.tgname::text order by g.tgname collate "C"), '{}')
        from pg_catalog.pg_trigger as g
        where g.tgrelid = c.oid and not g.tgisinternal and g.tgenabled in ('A', 'R')
    ) as armed
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join tenant_columns as t on t.relid = c.oid
where (
        t.relid is not null and %(schemas)s::text[] is null
        or t.relid is null and (n.nspname, c.relname) in (
            select listed.schema, listed.name
            from rows from (
                pg_catalog.unnest(%(schemas)s::text[]), pg_catalog.unnest(%(names)s::text[])
            ) as listed (schema, name)
        )
    )
    and c.relkind = any (%(kinds)s::"char"[])
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and (%(only)s::text is null or n.nspname = %(only)s)
    and not exists (
        select from pg_catalog.pg_depend as e
        where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.objid = c.oid and e.deptype = 'e'
    )
order by n.nspname collate "C", c.relname collate "C"
