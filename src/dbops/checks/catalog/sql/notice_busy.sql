-- Before the reads, not one of them: remember for this transaction which relations another session has locked, or waits
-- to lock, against readers. Deparsing an expression opens its table, so one ALTER TABLE would hold up a whole read. And
-- take no more than one of the server's processors: parallel workers make none of these reads quicker.
select pg_catalog.set_config(
            'dbops.busy', coalesce(pg_catalog.string_agg(distinct l.relation::pg_catalog.text, ','), ''), true
       )
     , pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)
  from pg_catalog.pg_locks as l
  join pg_catalog.pg_database as d on d.oid = l.database
 where d.datname = pg_catalog.current_database()
   and l.locktype = 'relation'
   and l.mode = 'AccessExclusiveLock'
   and l.pid <> pg_catalog.pg_backend_pid()
