-- Every role of the cluster but the predefined ones; readable by everybody, and no password is in it.
select
    r.rolname::text as name,
    r.rolsuper as superuser,
    r.rolinherit as inherit,
    r.rolcreaterole as create_role,
    r.rolcreatedb as create_db,
    r.rolcanlogin as login,
    r.rolreplication as replication,
    r.rolbypassrls as bypass_rls
from pg_catalog.pg_roles as r
where r.rolname !~ '^pg_'
order by r.rolname collate "C"
