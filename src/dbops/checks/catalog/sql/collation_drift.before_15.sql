-- with: scope
-- Collations whose library orders by another version than the one recorded, of those that indexes in scope use. Before
-- 15 nothing is recorded for the database's default collation.
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
       ) as t
 where t.recorded <> t.actual
 order by t.collation
