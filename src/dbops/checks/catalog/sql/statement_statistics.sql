-- extension: pg_stat_statements
-- grant: pg_read_all_stats
-- The statements of this database, as applications sent them: no utility commands, none that ask the system catalogs,
-- and none from inside a function, whose time its caller's has in it already. By queryid, whoever ran it: those that
-- took most time, and those that wrote most temporary files. The view is named without its schema: it can be in any.
-- Names of columns changed with the extension's version, not the server's: where `there` has no such column, the name
-- means the one of `absent`.
with timed as materialized (
    select s.queryid as query_id
         , s.query
         , s.userid
         , s.calls
         , s.rows
         , s.temp_blks_written
         , 1000 * coalesce((select total_exec_time from (select s.*) as there),
                           (select total_time from (select s.*) as there)) as us
         , s.query = '<insufficient privilege>' as is_hidden
         , case when s.queryid is null then pg_catalog.row_number() over () end as alone
      from pg_stat_statements as s
     cross join (
            select null::pg_catalog.float8 as total_exec_time
                 , null::pg_catalog.float8 as total_time
                 , true as toplevel
           ) as absent
     where s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
       and s.calls > 0
       and (select toplevel from (select s.*) as there)
       and (s.query = '<insufficient privilege>'
            or (s.query ~* '^(\s|\(|--[^\n]*\n|/\*.*\*/)*(select|with|insert|update|delete|merge|values|table)\M'
                and s.query !~* '\m(pg_catalog|information_schema)\s*\.|\m(from|join)\s+pg_'))
), summed as (
    select t.query_id
         , pg_catalog.pg_get_userbyid((pg_catalog.array_agg(t.userid order by t.us desc, t.userid))[1])
                ::pg_catalog.text as "user"
         , min(t.query) as query
         , sum(t.calls)::pg_catalog.int8 as calls
         , sum(t.us)::pg_catalog.int8 as total_us
         , sum(t.rows)::pg_catalog.int8 as rows
         , sum(t.temp_blks_written)::pg_catalog.int8 * pg_catalog.current_setting('block_size')::pg_catalog.int8
                as temp_bytes
         , pg_catalog.bool_or(t.is_hidden) as is_hidden
      from timed as t
     group by t.query_id, t.alone
), ranked as (
    select s.*
         , sum(s.total_us) over ()::pg_catalog.int8 as database_us
         , count(*) over () as statements
         , count(*) filter (where s.is_hidden) over () as hidden
         , pg_catalog.row_number() over (order by s.total_us desc, s.query_id) as by_time
         , pg_catalog.row_number() over (order by s.temp_bytes desc, s.query_id) as by_temp
      from summed as s
)
select r.query_id
     , r."user"
     , r.query
     , r.calls
     , r.total_us
     , r.rows
     , r.temp_bytes
     , r.database_us
     , r.statements
     , r.hidden
  from ranked as r
 where r.by_time <= 200
    or (r.by_temp <= 50 and r.temp_bytes > 0)
 order by r.total_us desc, r.query_id
