-- What a recovery depends on and what this session may do: one row. What a major has not comes out as null.
select (select s.setting::pg_catalog.int8 from pg_catalog.pg_settings as s where s.name = 'wal_segment_size')
            as segment_bytes
     , pg_catalog.pg_is_in_recovery() as in_recovery
     , pg_catalog.current_setting('archive_mode') as archive_mode
     , pg_catalog.current_setting('archive_command') as archive_command
     , coalesce(pg_catalog.current_setting('archive_library', true), '') as archive_library
     , (select s.setting::pg_catalog.int8 from pg_catalog.pg_settings as s where s.name = 'archive_timeout')
            as archive_timeout_seconds
     , r.rolsuper as superuser
     , r.rolsuper or r.rolreplication as may_replicate
     , r.rolsuper or r.rolbypassrls as sees_all_rows
     , pg_catalog.has_function_privilege('pg_catalog.pg_switch_wal()', 'execute') as may_switch
     , pg_catalog.has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'execute') as may_see_status
     , pg_catalog.pg_database_size(pg_catalog.current_database()) as database_bytes
     , (select pg_catalog.sum(pg_catalog.pg_database_size(d.oid))::pg_catalog.int8
          from pg_catalog.pg_database as d
         where pg_catalog.has_database_privilege(d.oid, 'connect')
            or pg_catalog.pg_has_role('pg_read_all_stats', 'usage')) as cluster_bytes
     , (select pg_catalog.count(*)
          from pg_catalog.pg_tablespace as t
         where pg_catalog.pg_tablespace_location(t.oid) <> '') as tablespaces
     , (select pg_catalog.jsonb_object_agg(s.name, s.setting order by s.name)
          from pg_catalog.pg_settings as s
         where s.name in (
                'max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions',
                'max_locks_per_transaction'
               )) as limits
  from pg_catalog.pg_roles as r
 where r.rolname = current_user
