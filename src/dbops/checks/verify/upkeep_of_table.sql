select s.n_live_tup as live
     , s.n_dead_tup as dead
     , s.n_mod_since_analyze as modified
     , greatest(s.last_vacuum, s.last_autovacuum) as vacuumed
     , greatest(s.last_analyze, s.last_autoanalyze) as analyzed
     , c.reltuples as estimated
     , c.reloptions as options
  from pg_catalog.pg_class as c
  left join pg_catalog.pg_stat_all_tables as s on s.relid = c.oid
 where c.oid = :'object'::pg_catalog.regclass;
