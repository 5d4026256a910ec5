-- grant: pg_read_all_settings
-- How statements are logged and counted: one row. Of work_mem it is the value of other sessions, since this one has its
-- own. shared_preload_libraries is shown to members of pg_read_all_settings alone; auto_explain and pg_stat_statements
-- have settings where their library is loaded, and nowhere else.
with settings as (
    select s.name
         , s.reset_val as value
      from pg_catalog.pg_settings as s
     where s.name in (
            'log_min_duration_statement', 'log_min_duration_sample', 'log_statement_sample_rate',
            'log_transaction_sample_rate', 'log_duration', 'log_statement', 'auto_explain.log_min_duration',
            'auto_explain.sample_rate', 'shared_preload_libraries', 'session_preload_libraries',
            'pg_stat_statements.max', 'pg_stat_statements.track', 'compute_query_id', 'work_mem'
           )
)
select max(s.value) filter (where s.name = 'log_min_duration_statement')::pg_catalog.int4 as min_duration_ms
     , max(s.value) filter (where s.name = 'log_min_duration_sample')::pg_catalog.int4 as min_duration_sample_ms
     , max(s.value) filter (where s.name = 'log_statement_sample_rate')::pg_catalog.float8 as statement_sample_rate
     , max(s.value) filter (where s.name = 'log_transaction_sample_rate')::pg_catalog.float8 as transaction_sample_rate
     , max(s.value) filter (where s.name = 'log_duration')::pg_catalog.bool as log_duration
     , max(s.value) filter (where s.name = 'log_statement') as log_statement
     , coalesce(max(s.value) filter (where s.name = 'auto_explain.log_min_duration')::pg_catalog.int4, -1)
            as auto_explain_ms
     , coalesce(max(s.value) filter (where s.name = 'auto_explain.sample_rate')::pg_catalog.float8, 1)
            as auto_explain_sample_rate
     , max(s.value) filter (where s.name = 'shared_preload_libraries') as preloaded
     , coalesce(max(s.value) filter (where s.name = 'session_preload_libraries'), '') as session_preloaded
     , max(s.value) filter (where s.name = 'pg_stat_statements.max')::pg_catalog.int4 as max_statements
     , max(s.value) filter (where s.name = 'pg_stat_statements.track') as track
     , max(s.value) filter (where s.name = 'compute_query_id') as query_ids
     , max(s.value) filter (where s.name = 'work_mem')::pg_catalog.int8 * 1024 as work_mem
     , e.nspname::pg_catalog.text as extension_schema
     , coalesce(pg_catalog.has_schema_privilege(e.nspname::pg_catalog.text, 'usage'), false) as extension_usable
     -- Asked only where it matters: it reads a file for each extension that is installed on the server.
     , case when e.nspname is null then exists (
            select from pg_catalog.pg_available_extensions as a where a.name = 'pg_stat_statements'
       ) else true end as extension_available
     , array(
            select o.setting
              from pg_catalog.pg_db_role_setting as d
             cross join pg_catalog.unnest(d.setconfig) as o(setting)
             where d.setdatabase in (0, (
                    select b.oid
                      from pg_catalog.pg_database as b
                     where b.datname = pg_catalog.current_database()
                   ))
               and o.setting ~ '^(log_min_duration_|log_statement|log_transaction_sample_rate|log_duration|auto_explain\.|session_preload_libraries)'
             order by 1
       ) as overrides
  from settings as s
  left join (
        select n.nspname
          from pg_catalog.pg_extension as x
          join pg_catalog.pg_namespace as n on n.oid = x.extnamespace
         where x.extname = 'pg_stat_statements'
       ) as e on true
 group by e.nspname
