-- The relations that the other reads left out, because another session has locked them against readers or waits to.
select c.oid
     , n.nspname as schema
     , c.relname as name
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm', 'v', 'f')
   and n.nspname !~ '^pg_'
   and c.oid = any (pg_catalog.string_to_array(
            coalesce(pg_catalog.current_setting('dbops.busy', true), ''), ','
       )::pg_catalog.oid[])
 order by n.nspname, c.relname
