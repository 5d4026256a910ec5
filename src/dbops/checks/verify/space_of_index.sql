select c.relpages as pages, c.reltuples as entries,
       pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(c.oid)) as size
  from pg_catalog.pg_class as c
 where c.oid = :'object'::pg_catalog.regclass;
