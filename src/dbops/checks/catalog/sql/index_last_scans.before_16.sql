-- When indexes were scanned last: not known before 16.
select null::pg_catalog.oid as index_oid
     , null::pg_catalog.int8 as seconds_ago
 where false
