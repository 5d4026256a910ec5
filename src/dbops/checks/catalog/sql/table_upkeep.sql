-- with: scope
-- Tables that vacuum or analyze should have come to, or never will: rows counted as dead or changed, against the
-- thresholds by which autovacuum starts, those of the table itself included. `statistics` says whether the planner has
-- any of the table: asked only where the counters know of no analyze, since it is a look-up for each table.
, setting as (
        select pg_catalog.current_setting('autovacuum_vacuum_threshold')::pg_catalog.float8 as vacuum_base
             , pg_catalog.current_setting('autovacuum_vacuum_scale_factor')::pg_catalog.float8 as vacuum_scale
             , coalesce(pg_catalog.current_setting('autovacuum_vacuum_max_threshold', true), '-1')::pg_catalog.float8 as vacuum_max
             , pg_catalog.current_setting('autovacuum_analyze_threshold')::pg_catalog.float8 as analyze_base
             , pg_catalog.current_setting('autovacuum_analyze_scale_factor')::pg_catalog.float8 as analyze_scale
       )
, counted as (
        select s.oid
             , s.nspname
             , s.relname
             , s.relkind
             , s.reltuples
             , s.reloptions
             , pg_catalog.pg_stat_get_dead_tuples(s.oid) as dead
             , pg_catalog.pg_stat_get_live_tuples(s.oid) as live
             , pg_catalog.pg_stat_get_mod_since_analyze(s.oid) as modified
             , greatest(pg_catalog.pg_stat_get_last_vacuum_time(s.oid),
                        pg_catalog.pg_stat_get_last_autovacuum_time(s.oid)) as vacuumed
             , greatest(pg_catalog.pg_stat_get_last_analyze_time(s.oid),
                        pg_catalog.pg_stat_get_last_autoanalyze_time(s.oid)) as analyzed
          from scope as s
         where s.relkind in ('r', 'm')
            or (s.relkind = 'p' and not s.relispartition)
       )
, tuned as (
        select k.*
             , coalesce(o.enabled, true) as enabled
             , least(
                    coalesce(o.vacuum_base, g.vacuum_base)
                    + coalesce(o.vacuum_scale, g.vacuum_scale) * greatest(k.reltuples, 0),
                    case when coalesce(o.vacuum_max, g.vacuum_max) >= 0 then coalesce(o.vacuum_max, g.vacuum_max) end
               ) as vacuum_threshold
             , coalesce(o.analyze_base, g.analyze_base)
               + coalesce(o.analyze_scale, g.analyze_scale) * greatest(k.reltuples, 0) as analyze_threshold
          from counted as k
         cross join setting as g
          left join lateral (
                select pg_catalog.bool_and(r.option_value::pg_catalog.bool)
                            filter (where r.option_name = 'autovacuum_enabled') as enabled
                     , pg_catalog.max(r.option_value::pg_catalog.float8)
                            filter (where r.option_name = 'autovacuum_vacuum_threshold') as vacuum_base
                     , pg_catalog.max(r.option_value::pg_catalog.float8)
                            filter (where r.option_name = 'autovacuum_vacuum_scale_factor') as vacuum_scale
                     , pg_catalog.max(r.option_value::pg_catalog.float8)
                            filter (where r.option_name = 'autovacuum_vacuum_max_threshold') as vacuum_max
                     , pg_catalog.max(r.option_value::pg_catalog.float8)
                            filter (where r.option_name = 'autovacuum_analyze_threshold') as analyze_base
                     , pg_catalog.max(r.option_value::pg_catalog.float8)
                            filter (where r.option_name = 'autovacuum_analyze_scale_factor') as analyze_scale
                  from pg_catalog.pg_options_to_table(k.reloptions) as r
               ) as o on k.reloptions is not null
       )
, known as (
        select t.*
             , case
                    -- Nothing but ANALYZE counts the rows of a partitioned table, and before 14 not even that.
                    when t.relkind = 'p' and t.reltuples < 0 then 'missing'
                    when t.relkind = 'p' and t.reltuples > 0 then 'there'
                    when t.relkind <> 'p' and (t.analyzed is not null or greatest(t.live, t.reltuples) < 1000) then 'there'
                    when exists (
                            select
                              from pg_catalog.pg_stats as p
                             where p.schemaname = t.nspname
                               and p.tablename = t.relname
                               and p.inherited = (t.relkind = 'p')
                         ) then 'there'
                    when pg_catalog.row_security_active(t.oid)
                      or not pg_catalog.has_any_column_privilege(t.oid, 'select') then 'unknown'
                    else 'missing'
               end as statistics
          from tuned as t
       )
select k.oid as "table"
     , k.dead
     , k.live
     , k.modified
     , pg_catalog.floor(extract(epoch from pg_catalog.now() - k.vacuumed))::pg_catalog.int8 as vacuumed_seconds
     , pg_catalog.floor(extract(epoch from pg_catalog.now() - k.analyzed))::pg_catalog.int8 as analyzed_seconds
     , k.vacuum_threshold::pg_catalog.int8 as vacuum_threshold
     , k.analyze_threshold::pg_catalog.int8 as analyze_threshold
     , k.enabled as autovacuum
     , k.statistics
  from known as k
 where k.dead > k.vacuum_threshold
    or k.modified > k.analyze_threshold
    or not k.enabled
    or k.statistics <> 'there'
 order by k.nspname, k.relname
