select c.relpages as pages
     , c.reltuples as rows
     , pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(c.oid)) as size
     , pg_catalog.pg_stat_get_live_tuples(c.oid) as live
     , pg_catalog.pg_stat_get_dead_tuples(c.oid) as dead
  from pg_catalog.pg_class as c
 where c.oid = :'object'::pg_catalog.regclass;
