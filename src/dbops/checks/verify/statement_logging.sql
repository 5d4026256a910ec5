select s.name, s.setting, s.unit, s.source
  from pg_catalog.pg_settings as s
 where s.name like any (array['log\_min\_duration\_%', 'log\_%sample\_rate', 'log\_duration', 'log\_statement', 'auto\_explain.%'])
 order by s.name;
