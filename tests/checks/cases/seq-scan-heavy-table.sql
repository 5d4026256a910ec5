-- case: much of the table, again and again
-- finds: public.visit
-- says: 90,000,000 rows were read by scans of the whole table in 8 days, 900 times the table
-- says: (100,000 rows, 15.6 MiB)
-- severity: info
create table visit (id bigint primary key, clinic bigint);
update pg_class set reltuples = 100000, relpages = 2000 where oid = 'visit'::regclass;
set local allow_system_table_mods = on;
create or replace function pg_catalog.pg_stat_get_numscans(oid) returns bigint language sql stable
    as 'select 900::bigint';
create or replace function pg_catalog.pg_stat_get_tuples_returned(oid) returns bigint language sql stable
    as 'select 90000000::bigint';
create or replace function pg_catalog.pg_stat_get_db_stat_reset_time(oid) returns timestamptz language sql stable
    as $$select now() - interval '8 days'$$;

-- case: the partitions of one table are one table
-- finds: public.visit
-- says: 90,000,000 rows
create table visit (id bigint, clinic bigint) partition by hash (id);
create table visit_0 partition of visit for values with (modulus 2, remainder 0);
create table visit_1 partition of visit for values with (modulus 2, remainder 1);
update pg_class set reltuples = 50000, relpages = 2000 where oid = 'visit_0'::regclass;
set local allow_system_table_mods = on;
create or replace function pg_catalog.pg_stat_get_numscans(oid) returns bigint language sql stable
    as 'select 900::bigint';
create or replace function pg_catalog.pg_stat_get_tuples_returned(oid) returns bigint language sql stable
    as 'select 45000000::bigint';
create or replace function pg_catalog.pg_stat_get_db_stat_reset_time(oid) returns timestamptz language sql stable
    as $$select now() - interval '8 days'$$;
update pg_class set reltuples = 50000, relpages = 2000 where oid = 'visit_1'::regclass;

-- case: nothing is read so
-- finds: 0
create table visit (id bigint primary key, clinic bigint);
update pg_class set reltuples = 100000, relpages = 2000 where oid = 'visit'::regclass;
set local allow_system_table_mods = on;
create or replace function pg_catalog.pg_stat_get_numscans(oid) returns bigint language sql stable
    as 'select 0::bigint';
create or replace function pg_catalog.pg_stat_get_tuples_returned(oid) returns bigint language sql stable
    as 'select 0::bigint';
create or replace function pg_catalog.pg_stat_get_db_stat_reset_time(oid) returns timestamptz language sql stable
    as $$select now() - interval '8 days'$$;

-- case (near miss): many scans that end after the first rows
-- finds: 0
create table visit (id bigint primary key, clinic bigint);
update pg_class set reltuples = 100000, relpages = 2000 where oid = 'visit'::regclass;
set local allow_system_table_mods = on;
create or replace function pg_catalog.pg_stat_get_numscans(oid) returns bigint language sql stable
    as 'select 5000000::bigint';
create or replace function pg_catalog.pg_stat_get_tuples_returned(oid) returns bigint language sql stable
    as 'select 5000000::bigint';
create or replace function pg_catalog.pg_stat_get_db_stat_reset_time(oid) returns timestamptz language sql stable
    as $$select now() - interval '8 days'$$;

-- case (near miss): a dump a day, and a few more
-- finds: 0
create table visit (id bigint primary key, clinic bigint);
update pg_class set reltuples = 100000, relpages = 2000 where oid = 'visit'::regclass;
set local allow_system_table_mods = on;
create or replace function pg_catalog.pg_stat_get_numscans(oid) returns bigint language sql stable
    as 'select 200::bigint';
create or replace function pg_catalog.pg_stat_get_tuples_returned(oid) returns bigint language sql stable
    as 'select 20000000::bigint';
create or replace function pg_catalog.pg_stat_get_db_stat_reset_time(oid) returns timestamptz language sql stable
    as $$select now() - interval '100 days'$$;

-- case (near miss): a table of few rows
-- finds: 0
create table visit (id bigint primary key, clinic bigint);
update pg_class set reltuples = 9000, relpages = 2000 where oid = 'visit'::regclass;
set local allow_system_table_mods = on;
create or replace function pg_catalog.pg_stat_get_numscans(oid) returns bigint language sql stable
    as 'select 20000::bigint';
create or replace function pg_catalog.pg_stat_get_tuples_returned(oid) returns bigint language sql stable
    as 'select 90000000::bigint';
create or replace function pg_catalog.pg_stat_get_db_stat_reset_time(oid) returns timestamptz language sql stable
    as $$select now() - interval '8 days'$$;

-- case (near miss): a table of few pages
-- finds: 0
create table visit (id bigint primary key, clinic bigint);
update pg_class set reltuples = 100000, relpages = 1000 where oid = 'visit'::regclass;
set local allow_system_table_mods = on;
create or replace function pg_catalog.pg_stat_get_numscans(oid) returns bigint language sql stable
    as 'select 900::bigint';
create or replace function pg_catalog.pg_stat_get_tuples_returned(oid) returns bigint language sql stable
    as 'select 90000000::bigint';
create or replace function pg_catalog.pg_stat_get_db_stat_reset_time(oid) returns timestamptz language sql stable
    as $$select now() - interval '8 days'$$;
