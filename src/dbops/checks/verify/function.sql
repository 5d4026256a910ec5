select p.provolatile as volatility
     , p.prosecdef as security_definer
     , p.proconfig as settings
     , pg_catalog.pg_get_functiondef(p.oid) as definition
  from pg_catalog.pg_proc as p
 where p.oid = :'object'::pg_catalog.regprocedure;
