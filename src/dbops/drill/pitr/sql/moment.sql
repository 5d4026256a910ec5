-- Where the server stands: its clock, the end of its log, and which transactions are finished.
select pg_catalog.clock_timestamp() as at
     , pg_catalog.pg_current_wal_insert_lsn()::text as lsn
     , pg_catalog.pg_current_snapshot()::text as finished
