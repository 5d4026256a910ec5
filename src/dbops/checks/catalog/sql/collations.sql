-- Collations; all of them, which is quicker than finding out which are used.
select k.oid
     , n.nspname as schema
     , k.collname as name
     , k.collprovider as provider
     , k.collisdeterministic as deterministic
  from pg_catalog.pg_collation as k
  join pg_catalog.pg_namespace as n on n.oid = k.collnamespace
 order by n.nspname, k.collname, k.oid
