-- Signs of standbys: physical replication slots, in use or not, and senders of WAL that feed no logical slot. What they
-- send to is not shown to every role, so a base backup that is being taken counts as well.
select pg_catalog.count(*) filter (where r.slot_type = 'physical') as slots
     , (select pg_catalog.count(*) from pg_catalog.pg_stat_get_wal_senders())
       - pg_catalog.count(*) filter (where r.slot_type = 'logical' and r.active) as senders
  from pg_catalog.pg_get_replication_slots() as r
