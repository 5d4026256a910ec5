-- The columns of some tables, by name, with their types.
select a.attrelid::bigint as oid, a.attname::text as name, a.atttypid::bigint as type
from pg_catalog.pg_attribute as a
where a.attrelid = any(%s::bigint[]::pg_catalog.oid[]) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attname::text collate "C"
