select pg_catalog.pg_get_userbyid(p.proowner) as owner
     , p.prosecdef as security_definer
     , p.proconfig as settings
     , array(
            select case a.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee)::pg_catalog.text end
              from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) as a
             order by a.grantee
       ) as callers
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
 where pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
       = :'object'
 order by p.oid;
