select k.collversion as recorded, pg_catalog.pg_collation_actual_version(k.oid) as actual
  from pg_catalog.pg_collation as k
 where k.oid = :'object'::pg_catalog.regcollation;
