-- grant: pg_monitor
-- Segments that are finished and not archived yet: one row.
select pg_catalog.count(*) as segments
  from pg_catalog.pg_ls_archive_statusdir() as f
 where f.name like '%.ready'
