-- The sessions that hold relations of this database against readers, or wait to, those that hold them first. What
-- another role's session is doing is null to who may not see it.
select n.nspname
     , c.relname
     , l.granted
     , l.pid
     , a.usename
     , a.application_name
     , a.state
     , pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - a.state_change))::pg_catalog.int8 as seconds
  from pg_catalog.pg_locks as l
  join pg_catalog.pg_database as d on d.oid = l.database
  join pg_catalog.pg_class as c on c.oid = l.relation
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join pg_catalog.pg_stat_activity as a on a.pid = l.pid
 where d.datname = pg_catalog.current_database()
   and l.locktype = 'relation'
   and l.mode = 'AccessExclusiveLock'
   and l.pid <> pg_catalog.pg_backend_pid()
   and c.relkind in ('r', 'p', 'm', 'v', 'f', 'S')
   and n.nspname <> 'pg_toast'
 order by l.granted desc, n.nspname, c.relname, l.pid
 limit 4
