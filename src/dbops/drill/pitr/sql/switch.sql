-- Finishes the segment, so that the archiver takes it. The name is that of the segment that has just been finished.
select pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal()) as segment
