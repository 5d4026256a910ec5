-- extension: pg_stat_statements
-- How often pg_stat_statements made room by throwing out its least used entries, and for how long that was counted.
select i.dealloc as evictions
     , pg_catalog.floor(extract(epoch from pg_catalog.now() - i.stats_reset))::pg_catalog.int8 as seconds
  from pg_stat_statements_info as i
 where i.stats_reset is not null
