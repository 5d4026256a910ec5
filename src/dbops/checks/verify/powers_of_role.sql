select r.rolname as acts_as
     , r.rolsuper as superuser
     , r.rolbypassrls as bypassrls
     , (select pg_catalog.count(*)
          from pg_catalog.pg_class as c
         where c.relowner = r.oid
           and c.relkind in ('r', 'p')) as owned_tables
  from pg_catalog.pg_roles as r
 where pg_catalog.pg_has_role(pg_catalog.to_regrole(:'object')::pg_catalog.oid, r.oid, 'MEMBER')
 order by 1;
