select s.seq_scan as scans, s.seq_tup_read as rows_read, s.idx_scan as index_scans, s.n_live_tup as rows
  from pg_catalog.pg_stat_all_tables as s
 where s.relid = :'object'::pg_catalog.regclass;
