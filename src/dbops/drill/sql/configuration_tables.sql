-- Tables and sequences of extensions whose rows a dump carries.
select n.nspname::pg_catalog.text as schema, c.relname::pg_catalog.text as name, c.relkind::pg_catalog.text as kind
from pg_catalog.pg_extension as e
cross join lateral pg_catalog.unnest(e.extconfig) as k (oid)
join pg_catalog.pg_class as c on c.oid = k.oid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
order by n.nspname collate "C", c.relname collate "C"
