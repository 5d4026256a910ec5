-- The relations of this database that autovacuum should have frozen by now, the oldest first, whatever their schema:
-- catalogs and forgotten temporary tables hold the database back as well. A TOAST table goes by the table it belongs to.
-- Nothing is looked through where the database as a whole is young.
select n.nspname as schema
     , c.relname as name
     , c.relpersistence = 't' as is_temporary
     , a.relkind = 't' as is_toast
     , a.transactions
     , a.multixacts
     , a.relpages as pages
  from (
        select r.oid
             , r.relkind
             , r.relpages
             , pg_catalog.age(r.relfrozenxid)::pg_catalog.int8 as transactions
             , pg_catalog.mxid_age(r.relminmxid)::pg_catalog.int8 as multixacts
          from pg_catalog.pg_class as r
         where (select pg_catalog.age(d.datfrozenxid)
                       > pg_catalog.current_setting('autovacuum_freeze_max_age')::pg_catalog.int8
                       or pg_catalog.mxid_age(d.datminmxid)
                       > pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::pg_catalog.int8
                  from pg_catalog.pg_database as d
                 where d.datname = pg_catalog.current_database())
           and r.relkind in ('r', 'm', 't')
           and (pg_catalog.age(r.relfrozenxid)
                > pg_catalog.current_setting('autovacuum_freeze_max_age')::pg_catalog.int8
                or pg_catalog.mxid_age(r.relminmxid)
                > pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::pg_catalog.int8)
         order by greatest(pg_catalog.age(r.relfrozenxid), pg_catalog.mxid_age(r.relminmxid)) desc, r.oid
         limit 100
       ) as a
  left join pg_catalog.pg_class as o on o.reltoastrelid = a.oid and a.relkind = 't'
  join pg_catalog.pg_class as c on c.oid = coalesce(o.oid, a.oid)
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 order by greatest(a.transactions, a.multixacts) desc, n.nspname, c.relname, a.relkind
