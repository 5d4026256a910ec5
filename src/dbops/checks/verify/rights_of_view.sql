select pg_catalog.pg_get_userbyid(c.relowner) as owner
     , r.rolsuper as superuser
     , r.rolbypassrls as bypassrls
     , c.reloptions as options
     , pg_catalog.pg_get_viewdef(c.oid, true) as definition
  from pg_catalog.pg_class as c
  join pg_catalog.pg_roles as r on r.oid = c.relowner
 where c.oid = :'object'::pg_catalog.regclass;
