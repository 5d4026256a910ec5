-- Who is a member of what. The inherit and set options exist from 16 on; null before.
select
    r.rolname::text as role,
    m.rolname::text as member,
    g.rolname::text as grantor,
    a.admin_option as admin,
    (pg_catalog.to_jsonb(a) ->> 'inherit_option')::boolean as inherit,
    (pg_catalog.to_jsonb(a) ->> 'set_option')::boolean as set
from pg_catalog.pg_auth_members as a
join pg_catalog.pg_roles as r on r.oid = a.roleid
join pg_catalog.pg_roles as m on m.oid = a.member
left join pg_catalog.pg_roles as g on g.oid = a.grantor
order by r.rolname collate "C", m.rolname collate "C", g.rolname collate "C"
