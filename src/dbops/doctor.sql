-- What the session's role may see beyond the catalogs. One row.
select
    r.rolsuper as superuser,
    pg_catalog.pg_has_role(r.oid, 'pg_monitor', 'usage') as monitors
from pg_catalog.pg_roles as r
where r.rolname = current_user
