-- Views and materialized views that show rows of the given tables, directly or through other views, and which of those.
-- `checked`: WITH CHECK OPTION, its own or of a view beneath it. `instead`: INSTEAD OF triggers or rules write for it, or
-- for a view beneath it. `tenant` is the first of the configured columns that the view has, null where it has none.
with recursive sources (view, source) as (
    select distinct r.ev_class, d.refobjid
    from pg_catalog.pg_rewrite as r
    join pg_catalog.pg_depend as d
        on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        and d.objid = r.oid
        and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and d.refobjid <> r.ev_class
    join pg_catalog.pg_class as c on c.oid = r.ev_class and c.relkind in ('v', 'm')
),
reaches (view, source) as (
    select s.view, s.source from sources as s
    union
    select r.view, s.source from reaches as r join sources as s on s.view = r.source
),
instead (view) as (
    select g.tgrelid
    from pg_catalog.pg_trigger as g
    where g.tgtype & 64 <> 0 and not g.tgisinternal
    union
    select w.ev_class
    from pg_catalog.pg_rewrite as w
    where w.ev_type <> '1'
)
select
    c.oid::bigint as oid,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    (
        select a.attname::text
        from pg_catalog.unnest(%(columns)s::text[]) with ordinality as wanted (name, place)
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attname = wanted.name and a.attnum > 0
        order by wanted.place
        limit 1
    ) as tenant,
    c.relispopulated as populated,
    coalesce(c.reloptions::text like '%%check_option=%%', false)
        or pg_catalog.bool_or(coalesce(s.reloptions::text like '%%check_option=%%', false)) as checked,
    c.oid in (select i.view from instead as i) or pg_catalog.bool_or(s.oid in (select i.view from instead as i)) as instead,
    pg_catalog.array_agg(r.source::bigint order by r.source) filter (where r.source = any (%(tables)s::oid[])) as sources
from reaches as r
join pg_catalog.pg_class as c on c.oid = r.view
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_class as s on s.oid = r.source
where n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
group by c.oid, n.nspname
having pg_catalog.bool_or(r.source = any (%(tables)s::oid[]))
order by n.nspname collate "C", c.relname collate "C"
