-- What the server says of its archiver: one row. It says what the archive_command answered, not what is in the archive.
select a.archived_count as archived
     , a.last_archived_wal as last_archived
     , a.last_archived_time as last_archived_at
     , a.failed_count as failed
     , a.last_failed_wal as last_failed
     , a.last_failed_time as last_failed_at
  from pg_catalog.pg_stat_archiver as a
