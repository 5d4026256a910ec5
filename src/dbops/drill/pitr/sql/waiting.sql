-- grant: pg_monitor
-- Segments that are finished and not archived yet: one row. Times are whole seconds here.
select pg_catalog.count(*) as segments
     , pg_catalog.min(f.modification) as oldest
  from pg_catalog.pg_ls_archive_statusdir() as f
 where f.name like '%.ready'
