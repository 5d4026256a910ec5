-- Who is a member of which role. Whether rights come by themselves is an attribute of the member, and every member may
-- SET ROLE. The last half is the membership that no grant makes (the role is there from 14 on).
select g.rolname as role
     , m.rolname as member
     , m.rolinherit as inherits
     , true as can_set
     , a.admin_option as admin
     , null::pg_catalog.name as grantor
  from pg_catalog.pg_auth_members as a
  join pg_catalog.pg_roles as g on g.oid = a.roleid
  join pg_catalog.pg_roles as m on m.oid = a.member
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
 order by 1, 2
