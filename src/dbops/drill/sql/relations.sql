-- What a dump names as relations, with their owners, and whether they can be used: an index that is valid, a
-- materialized view that has its rows.
select
    n.nspname::pg_catalog.text as schema,
    c.relname::pg_catalog.text as name,
    c.relkind::pg_catalog.text as kind,
    pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text as owner,
    c.relispopulated and coalesce(i.indisvalid or c.relkind = 'I', true) as usable
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join pg_catalog.pg_index as i on i.indexrelid = c.oid
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'i', 'I')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
order by n.nspname collate "C", c.relname collate "C"
