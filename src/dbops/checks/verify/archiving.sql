select s.name, s.setting, s.source
  from pg_catalog.pg_settings as s
 where s.name in ('archive_mode', 'archive_command', 'archive_library', 'archive_timeout', 'wal_level')
 union all
select 'last archived', a.last_archived_wal, a.last_archived_time::pg_catalog.text
  from pg_catalog.pg_stat_archiver as a
 union all
select 'last failed', a.last_failed_wal, a.last_failed_time::pg_catalog.text
  from pg_catalog.pg_stat_archiver as a
 order by 1;
