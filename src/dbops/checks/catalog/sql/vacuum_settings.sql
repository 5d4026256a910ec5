-- What autovacuum works by: one row.
select pg_catalog.current_setting('autovacuum')::pg_catalog.bool as autovacuum
     , pg_catalog.current_setting('track_counts')::pg_catalog.bool as counts
     , pg_catalog.current_setting('autovacuum_freeze_max_age')::pg_catalog.int8 as freeze_max_age
     , pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::pg_catalog.int8 as multixact_freeze_max_age
