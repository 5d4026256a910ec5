-- Who is a member of which role. Whether rights come by themselves, and whether SET ROLE is allowed, is said by each
-- grant. The last half is the membership that no grant makes.
select g.rolname as role
     , m.rolname as member
     , a.inherit_option as inherits
     , a.set_option as can_set
     , a.admin_option as admin
     , b.rolname as grantor
  from pg_catalog.pg_auth_members as a
  join pg_catalog.pg_roles as g on g.oid = a.roleid
  join pg_catalog.pg_roles as m on m.oid = a.member
  left join pg_catalog.pg_roles as b on b.oid = a.grantor
 union all
select g.rolname
     , m.rolname
     , true
     , true
     , false
     , null
  from pg_catalog.pg_database as d
  join pg_catalog.pg_roles as m on m.oid = d.datdba
  join pg_catalog.pg_roles as g on g.rolname = 'pg_database_owner'
 where d.datname = pg_catalog.current_database()
 order by 1, 2, 6
