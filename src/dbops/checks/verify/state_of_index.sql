select i.indisvalid as valid, i.indisready as ready, i.indislive as live
  from pg_catalog.pg_index as i
 where i.indexrelid = :'object'::pg_catalog.regclass;
