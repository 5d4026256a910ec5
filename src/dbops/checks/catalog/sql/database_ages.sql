-- How many transactions and multixacts ago the oldest row that is not frozen was written, for each database: all of them
-- hold back the one counter they share.
select d.datname as name
     , d.datname = pg_catalog.current_database() as is_current
     , pg_catalog.age(d.datfrozenxid)::pg_catalog.int8 as transactions
     , pg_catalog.mxid_age(d.datminmxid)::pg_catalog.int8 as multixacts
  from pg_catalog.pg_database as d
 order by d.datname
