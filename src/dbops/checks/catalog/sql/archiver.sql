-- How the archiver fares: one row. It is failing where the last thing that it told is that it could not.
select a.archived_count as archived
     , pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.last_archived_time)::pg_catalog.int8
            as last_archived_seconds
     , a.failed_count as failed
     , a.last_failed_wal as last_failed
     , pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.last_failed_time)::pg_catalog.int8
            as last_failed_seconds
     , a.last_failed_time is not null
       and (a.last_archived_time is null or a.last_failed_time > a.last_archived_time) as failing
  from pg_catalog.pg_stat_get_archiver() as a
