select s.*
     , pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(
            case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_lsn() end,
            s.restart_lsn
       )) as retained
  from pg_catalog.pg_replication_slots as s
 where pg_catalog.quote_ident(s.slot_name) = :'object';
