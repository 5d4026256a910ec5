-- Who keeps dead rows from being removed and old ones from being frozen, the oldest first: sessions with an open
-- snapshot, prepared transactions, replication slots. Of other roles' sessions a role without pg_read_all_stats sees
-- nothing.
select h.*
  from (
        select 'session' as kind
             , 'pid ' || a.pid as name
             , greatest(pg_catalog.age(a.backend_xmin), pg_catalog.age(a.backend_xid))::pg_catalog.int8 as transactions
             , pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start))::pg_catalog.int8 as seconds
          from pg_catalog.pg_stat_activity as a
         where a.pid <> pg_catalog.pg_backend_pid()
           and a.backend_type <> 'autovacuum worker'
           and coalesce(a.backend_xmin, a.backend_xid) is not null
         union all
        select 'prepared transaction'
             , p.gid
             , pg_catalog.age(p.transaction)
             , pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - p.prepared))
          from pg_catalog.pg_prepared_xacts as p
         union all
        select 'replication slot'
             , s.slot_name
             , greatest(pg_catalog.age(s.xmin), pg_catalog.age(s.catalog_xmin))
             , null
          from pg_catalog.pg_replication_slots as s
         where coalesce(s.xmin, s.catalog_xmin) is not null
       ) as h
 order by h.transactions desc, h.kind, h.name
 limit 10
