-- with: scope
-- Collations whose library orders by another version than the one recorded, of those that indexes in scope use. Before
-- 15 nothing is recorded for the database's default collation. The array of those in use is made only when one has
-- moved on.
select t.*
  from (
        select k.oid as collation
             , k.collversion as recorded
             , pg_catalog.pg_collation_actual_version(k.oid) as actual
             , false as is_default
          from pg_catalog.pg_collation as k
         where case when k.collversion <> pg_catalog.pg_collation_actual_version(k.oid)
                    then k.oid = any (array(
                            select distinct pg_catalog.unnest(i.indcollation::pg_catalog.oid[])
                              from pg_catalog.pg_index as i
                              join scope as s on s.oid = i.indrelid
                         ))
               end
       ) as t
 where t.recorded <> t.actual
 order by t.collation
