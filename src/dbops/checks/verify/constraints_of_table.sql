select k.conname as name, pg_catalog.pg_get_constraintdef(k.oid) as definition, k.convalidated as validated
  from pg_catalog.pg_constraint as k
 where k.conrelid = :'object'::pg_catalog.regclass
 order by 1;
