-- Replication slots of the whole server, since its log is one; temporary ones end with their session.
select r.slot_name::pg_catalog.text as name
     , r.slot_type as kind
     , r.plugin::pg_catalog.text
     , (
            select b.datname::pg_catalog.text from pg_catalog.pg_database as b where b.oid = r.datoid
       ) as database
     , r.active
     , r.wal_status as status
     , case
            when r.restart_lsn is not null
            then greatest(pg_catalog.pg_wal_lsn_diff(w.written, r.restart_lsn), 0)::pg_catalog.int8
       end as retained
     , r.safe_wal_size as safe
     , greatest(pg_catalog.age(r.xmin), pg_catalog.age(r.catalog_xmin)) as horizon_age
     , pg_catalog.date_part(
            'epoch', pg_catalog.clock_timestamp() - r.inactive_since
       )::pg_catalog.int8 as idle_seconds
     , r.invalidation_reason as invalidation
     , r.synced as synchronised
  from pg_catalog.pg_get_replication_slots() as r
 cross join (
        select case
                    when pg_catalog.pg_is_in_recovery()
                    then coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                    else pg_catalog.pg_current_wal_lsn()
               end as written
       ) as w
 where not r.temporary
 order by r.slot_name
