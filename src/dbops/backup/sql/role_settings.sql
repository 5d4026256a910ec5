-- Settings stored for roles and databases of the cluster (alter role ... set, alter database ... set).
select r.rolname::text as role, d.datname::text as database, s.setconfig as settings
from pg_catalog.pg_db_role_setting as s
left join pg_catalog.pg_roles as r on r.oid = s.setrole
left join pg_catalog.pg_database as d on d.oid = s.setdatabase
order by r.rolname collate "C" nulls first, d.datname collate "C" nulls first
