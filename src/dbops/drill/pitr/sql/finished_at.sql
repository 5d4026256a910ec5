-- grant: pg_monitor
-- When a segment was finished, by the server's own mark, in whole seconds: no row where a checkpoint has removed it.
select pg_catalog.max(f.modification) as at
  from pg_catalog.pg_ls_archive_statusdir() as f
 where f.name in ({segment} || '.done', {segment} || '.ready')
having pg_catalog.count(*) > 0
