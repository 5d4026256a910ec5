-- Who may do what with this database; a grantee of null is PUBLIC.
select
    pg_catalog.pg_get_userbyid(a.grantor)::text as grantor,
    case when a.grantee <> 0 then pg_catalog.pg_get_userbyid(a.grantee)::text end as grantee,
    a.privilege_type as privilege,
    a.is_grantable as grantable
from pg_catalog.pg_database as d
cross join lateral pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) as a
where d.datname = pg_catalog.current_database()
order by 1, 2, 3
