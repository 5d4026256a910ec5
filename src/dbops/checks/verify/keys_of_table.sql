select k.conname as name, pg_catalog.pg_get_constraintdef(k.oid) as definition
  from pg_catalog.pg_constraint as k
 where k.conrelid = :'object'::pg_catalog.regclass
   and k.contype in ('p', 'u')
 order by 1;
