-- with: scope
-- Collations whose library orders by another version than the one recorded, of those that indexes in scope use, and
-- the database's default collation.
select t.*
  from (
        select k.oid as collation
             , k.collversion as recorded
             , pg_catalog.pg_collation_actual_version(k.oid) as actual
             , false as is_default
          from pg_catalog.pg_collation as k
         where k.collversion is not null
           and k.oid in (
                select pg_catalog.unnest(i.indcollation::pg_catalog.oid[])
                  from pg_catalog.pg_index as i
                  join scope as s on s.oid = i.indrelid
               )
        union all
        select k.oid
             , d.datcollversion
             , pg_catalog.pg_database_collation_actual_version(d.oid)
             , true
          from pg_catalog.pg_database as d
          join pg_catalog.pg_collation as k on k.collprovider = 'd'
         where d.datname = pg_catalog.current_database()
           and d.datcollversion is not null
       ) as t
 where t.recorded <> t.actual
 order by t.is_default, t.collation
