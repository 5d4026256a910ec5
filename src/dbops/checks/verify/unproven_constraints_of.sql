select k.conname as name
     , pg_catalog.pg_get_constraintdef(k.oid) as definition
     , exists (
            select
              from pg_catalog.pg_trigger as t
             where t.tgconstraint = k.oid
               and t.tgenabled in ('D', 'R')
       ) as triggers_disabled
  from pg_catalog.pg_constraint as k
 where k.conrelid = pg_catalog.to_regclass(:'object')
    or k.contypid = pg_catalog.to_regtype(:'object')
 order by 1;
