-- with: scope
-- Counters of indexes since the statistics were reset; an index without any scan is left out.
select t.*
  from (
        select i.indexrelid as index_oid
             , pg_catalog.pg_stat_get_numscans(i.indexrelid) as scans
             , pg_catalog.pg_stat_get_tuples_returned(i.indexrelid) as tuples_read
          from pg_catalog.pg_index as i
          join scope as s on s.oid = i.indrelid
       ) as t
 where t.scans > 0
 order by t.index_oid
