-- grant: pg_monitor
-- Who is fed the log, and physical slots whose replica is not there. A base backup is no replica.
select coalesce(nullif(w.application_name, ''), 'walreceiver') as name
     , w.state
     , w.sync_state
     , w.flush_lsn::text as flushed
     , pg_catalog.pg_current_wal_flush_lsn()::text as written
     , pg_catalog.date_part('epoch', w.flush_lag)::pg_catalog.float8 as lag_seconds
  from pg_catalog.pg_stat_replication as w
 where w.state is distinct from 'backup'
   and not exists (
        select
          from pg_catalog.pg_replication_slots as s
         where s.active_pid = w.pid
           and s.slot_type = 'logical'
       )
 union all
select s.slot_name::text, 'gone', null, s.restart_lsn::text, pg_catalog.pg_current_wal_flush_lsn()::text, null
  from pg_catalog.pg_replication_slots as s
 where s.slot_type = 'physical'
   and not s.active
 order by 1, 2
