-- with: scope
-- When indexes were scanned last, in seconds ago; only what was not scanned for 30 days, which is little.
select t.*
  from (
        select i.indexrelid as index_oid
             , pg_catalog.floor(extract(epoch from pg_catalog.now() - pg_catalog.pg_stat_get_lastscan(i.indexrelid)
               ))::pg_catalog.int8 as seconds_ago
          from pg_catalog.pg_index as i
          join scope as s on s.oid = i.indrelid
       ) as t
 where t.seconds_ago > 2592000
 order by t.index_oid
