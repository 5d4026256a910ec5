select s.name, s.setting, s.source, s.sourcefile
  from pg_catalog.pg_settings as s
 where s.name in ('autovacuum', 'track_counts')
 order by 1;
