-- with: scope
-- Tables of some size (8 MiB in pages) that were read from start to end since the statistics were reset. Counted are
-- scans and the rows they returned: a scan that ends early costs little. By function: the pg_stat views are slow.
select t.*
  from (
        select s.oid as "table"
             , pg_catalog.pg_stat_get_numscans(s.oid) as scans
             , pg_catalog.pg_stat_get_tuples_returned(s.oid) as rows_read
             , pg_catalog.pg_stat_get_live_tuples(s.oid) as live_rows
          from scope as s
         where s.relkind in ('r', 'm')
           and s.relpages >= 8388608 / pg_catalog.current_setting('block_size')::pg_catalog.int4
       ) as t
 where t.scans > 0
   and t.rows_read > 0
 order by t."table"
