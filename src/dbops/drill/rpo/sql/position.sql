-- Where the server stands, and what an archive of its log is measured by: one row.
select pg_catalog.clock_timestamp() as at
     , pg_catalog.pg_current_wal_insert_lsn()::text as lsn
     , (select s.setting::pg_catalog.int8 from pg_catalog.pg_settings as s where s.name = 'wal_segment_size')
            as segment_bytes
     , (select s.setting::pg_catalog.int8 from pg_catalog.pg_settings as s where s.name = 'archive_timeout')
            as archive_timeout_seconds
