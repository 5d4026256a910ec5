select s.name, s.setting, s.source
  from pg_catalog.pg_settings as s
 where s.name in ('shared_preload_libraries', 'compute_query_id')
    or s.name like 'pg\_stat\_statements.%'
 union all
select 'extension', e.extversion, e.extnamespace::pg_catalog.regnamespace::pg_catalog.text
  from pg_catalog.pg_extension as e
 where e.extname = 'pg_stat_statements'
 order by 1;
