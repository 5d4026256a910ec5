-- with: scope
-- Row counters of tables since the statistics were reset, by function: the pg_stat views are slow at scale. A table
-- without any is left out.
select t.*
  from (
        select s.oid as "table"
             , pg_catalog.pg_stat_get_tuples_inserted(s.oid) as inserted
             , pg_catalog.pg_stat_get_tuples_updated(s.oid) as updated
             , pg_catalog.pg_stat_get_tuples_deleted(s.oid) as deleted
          from scope as s
         where s.relkind in ('r', 'm')
       ) as t
 where t.inserted > 0
    or t.updated > 0
    or t.deleted > 0
 order by t."table"
