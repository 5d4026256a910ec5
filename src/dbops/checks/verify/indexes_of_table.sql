select pg_catalog.pg_get_indexdef(i.indexrelid) as definition, i.indisvalid as valid, i.indisready as ready
  from pg_catalog.pg_index as i
 where i.indrelid = :'object'::pg_catalog.regclass
 order by 1;
