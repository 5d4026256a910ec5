select pg_catalog.pg_get_userbyid(p.proowner) as owner
     , p.prosecdef as security_definer
     , p.proconfig as settings
     , pg_catalog.array_agg(case a.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee) end
                            order by a.grantee) as callers
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
 cross join pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) as a
 where pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
       = :'object'
 group by p.oid
 order by p.oid;
