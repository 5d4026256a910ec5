select c.relrowsecurity as enabled, c.relforcerowsecurity as forced
  from pg_catalog.pg_class as c
 where c.oid = :'object'::pg_catalog.regclass;
