select case a.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee) end as grantee
     , a.privilege_type as privilege
     , pg_catalog.pg_get_userbyid(a.grantor) as grantor
  from pg_catalog.pg_class as c
 cross join pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) as a
 where c.oid = :'object'::pg_catalog.regclass
 order by 1, 2;
