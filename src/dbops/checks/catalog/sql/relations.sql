-- with: scope
-- Tables, partitioned tables, views, materialised views and foreign tables.
select c.oid
     , s.nspname as schema
     , c.relname as name
     , c.relkind as kind
     , c.relpersistence as persistence
     , case when c.relispartition then h.inhparent end as parent
     , p.partattrs::pg_catalog.text as partition_columns
     , pg_catalog.pg_get_userbyid(c.relowner) as owner
     , c.reltuples::pg_catalog.int8 as rows
     , c.relpages as pages
     , c.relrowsecurity as rls_enabled
     , c.relforcerowsecurity as rls_forced
     , c.relreplident as replica_identity
  from scope as s
  join pg_catalog.pg_class as c on c.oid = s.oid
  left join pg_catalog.pg_inherits as h on h.inhrelid = c.oid and c.relispartition
  left join pg_catalog.pg_partitioned_table as p on p.partrelid = c.oid
 order by s.nspname, c.relname
