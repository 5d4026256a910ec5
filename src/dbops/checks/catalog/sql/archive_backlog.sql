-- grant: pg_monitor
-- Segments that are finished and not archived yet: one row. The server marks each when it is finished.
select pg_catalog.count(*) as segments
     , coalesce(
            pg_catalog.date_part(
                'epoch', pg_catalog.clock_timestamp() - pg_catalog.min(f.modification)
            )::pg_catalog.int8,
            0
       ) as oldest_seconds
  from pg_catalog.pg_ls_archive_statusdir() as f
 where f.name like '%.ready'
