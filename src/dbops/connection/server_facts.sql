-- What a report says about the server and the session: one row.
select pg_catalog.current_setting('server_version')
     , pg_catalog.current_setting('server_version_num')::pg_catalog.int4
     , session_user::pg_catalog.text
     , pg_catalog.current_database()::pg_catalog.text
     , coalesce((select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user), false)
     , pg_catalog.pg_is_in_recovery()
     , (select s.version from pg_catalog.pg_stat_ssl as s where s.pid = pg_catalog.pg_backend_pid() and s.ssl)
