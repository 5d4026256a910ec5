select p.polname as policy
     , p.polpermissive as permissive
     , p.polcmd as command
     , p.polroles::pg_catalog.regrole[] as roles
     , pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using_expression
     , pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check_expression
  from pg_catalog.pg_policy as p
 where p.polrelid = :'object'::pg_catalog.regclass
 order by p.polname;
