-- with: scope
-- What has been granted on relations; none where only the owner has any right, which is the default. Items as PostgreSQL
-- writes them, grantee=letters/grantor; parsed once for each spelling. What has been granted on columns is with them.
select s.oid as "table"
     , s.relacl::pg_catalog.text[] as items
  from scope as s
 where s.relacl is not null
 order by s.oid
