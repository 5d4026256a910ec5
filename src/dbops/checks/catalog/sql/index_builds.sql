-- Index builds that run in this database now. Those of other roles show nothing but that they run, to a role without
-- pg_read_all_stats: their index_oid is null, and an invalid index may be any of them.
select p.pid
     , nullif(p.index_relid, 0) as index_oid
     , p.relid as "table"
     , p.command
     , p.phase
     , p.blocks_done
     , p.blocks_total
  from pg_catalog.pg_stat_progress_create_index as p
 where p.datname = pg_catalog.current_database()
 order by p.pid
