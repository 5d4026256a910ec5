-- Every index of users, with what it is kept in and how large that is.
select
    c.oid::bigint as oid,
    c.relfilenode::bigint as node,
    pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as name,
    pg_catalog.pg_relation_size(c.oid) as bytes
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'i'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
order by n.nspname collate "C", c.relname collate "C"
