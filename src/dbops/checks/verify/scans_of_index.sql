select u.indexrelid::pg_catalog.regclass as index, u.idx_scan as scans, u.idx_tup_read as entries_read,
       pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(u.indexrelid)) as size
  from pg_catalog.pg_stat_user_indexes as u
 where u.indexrelid = :'object'::pg_catalog.regclass
    or u.indexrelid in (select t.relid from pg_catalog.pg_partition_tree(:'object'::pg_catalog.regclass) as t)
 order by 1;
