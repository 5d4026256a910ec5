-- Who is being sent the log as it is: standbys, and programs that archive it. Logical decoding and base backups are
-- neither. A role outside pg_monitor is not shown the state, so a base backup is known by its program's name.
select coalesce(a.application_name, '') as application
     , w.state
  from pg_catalog.pg_stat_get_wal_senders() as w
  left join pg_catalog.pg_stat_get_activity(null) as a on a.pid = w.pid
 where w.state is distinct from 'backup'
   and not (w.state is null and a.application_name = 'pg_basebackup')
   and not exists (
        select
          from pg_catalog.pg_get_replication_slots() as r
         where r.active_pid = w.pid
           and r.slot_type = 'logical'
       )
 order by 1, 2
