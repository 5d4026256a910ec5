-- Who is being sent the log as it is: standbys, and programs that archive it. Logical decoding and base backups are
-- neither. A role outside pg_monitor is shown that there are some, not who.
select a.application_name as application
     , w.state
  from pg_catalog.pg_stat_get_wal_senders() as w
  left join pg_catalog.pg_stat_get_activity(null) as a on a.pid = w.pid
 where w.state is distinct from 'backup'
   and not exists (
        select
          from pg_catalog.pg_get_replication_slots() as r
         where r.active_pid = w.pid
           and r.slot_type = 'logical'
       )
 order by a.application_name, w.state
