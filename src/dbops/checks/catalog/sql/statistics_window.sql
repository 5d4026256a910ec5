-- Since when the cumulative statistics count: one row. `seconds` is null when that cannot be told.
select pg_catalog.floor(extract(epoch from pg_catalog.now() - coalesce(
            pg_catalog.pg_stat_get_db_stat_reset_time(d.oid), pg_catalog.pg_postmaster_start_time()
       )))::pg_catalog.int8 as seconds
     , pg_catalog.pg_is_in_recovery() as on_standby
  from pg_catalog.pg_database as d
 where d.datname = pg_catalog.current_database()
