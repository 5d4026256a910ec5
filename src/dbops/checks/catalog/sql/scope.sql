-- What the audit looks at: relations in user schemas, without temporary ones, those that an extension owns, and those
-- that are busy (notice_busy.sql). Every read that begins with `-- with: scope` has this as `scope`. The pg_depend half
-- goes by the referenced side, a short index range; asking it once for each relation costs the square of the catalog.
select c.oid
     , c.relname
     , c.relkind
     , n.nspname
     , c.relowner
     , c.relam
     , c.relpersistence
     , c.relispartition
     , c.relhassubclass
     , c.relreplident
     , c.relrowsecurity
     , c.relforcerowsecurity
     , c.reltuples
     , c.relpages
     , c.reloptions
     , c.relacl
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm', 'v', 'f')
   and c.relpersistence <> 't'
   and n.nspname !~ '^pg_'
   and n.nspname <> 'information_schema'
   and c.oid not in (
        select d.objid
          from pg_catalog.pg_depend as d
         where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
           and d.objsubid = 0
           and d.deptype = 'e'
       )
   and c.oid <> all (array(
        select b.oid::pg_catalog.oid
          from pg_catalog.unnest(pg_catalog.string_to_array(
                    coalesce(pg_catalog.current_setting('dbops.busy', true), ''), ','
               )) as b(oid)
       ))
