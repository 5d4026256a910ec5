select d.datcollversion as recorded, pg_catalog.pg_database_collation_actual_version(d.oid) as actual
  from pg_catalog.pg_database as d
 where d.datname = :'object';
