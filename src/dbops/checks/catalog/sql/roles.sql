-- The roles of the cluster.
select r.rolname as name
     , r.rolsuper as superuser
     , r.rolbypassrls as bypass_rls
  from pg_catalog.pg_roles as r
 order by r.rolname
