select d.datname as name
     , pg_catalog.age(d.datfrozenxid) as transactions
     , pg_catalog.mxid_age(d.datminmxid) as multixacts
     , pg_catalog.current_setting('autovacuum_freeze_max_age') as freeze_max_age
  from pg_catalog.pg_database as d
 order by 2 desc;
