-- with: scope
-- Tables, partitioned tables, views, materialised views and foreign tables, and what has been granted on each.
select s.oid
     , s.nspname as schema
     , s.relname as name
     , s.relkind as kind
     , s.relpersistence as persistence
     , case when s.relispartition then h.inhparent end as parent
     , p.partattrs::pg_catalog.text as partition_columns
     , pg_catalog.pg_get_userbyid(s.relowner) as owner
     , s.reltuples::pg_catalog.int8 as rows
     , s.relpages as pages
     , s.relrowsecurity as rls_enabled
     , s.relforcerowsecurity as rls_forced
     , s.relreplident as replica_identity
     , not s.relispartition and s.oid in (select i.inhrelid from pg_catalog.pg_inherits as i) as inherits
     , s.relkind <> 'p' and s.relhassubclass
       and s.oid in (select i.inhparent from pg_catalog.pg_inherits as i) as has_children
     , s.relacl::pg_catalog.text[] as grants
  from scope as s
  left join pg_catalog.pg_inherits as h on h.inhrelid = s.oid and s.relispartition
  left join pg_catalog.pg_partitioned_table as p on p.partrelid = s.oid
 order by s.nspname, s.relname
