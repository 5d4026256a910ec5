-- case: the library counts, the extension is not in the database
-- finds: pg_stat_statements
-- says: is not here
-- fix: create extension pg_stat_statements;
-- severity: warning
create table visit (id bigint primary key);

-- case: many more statements than entries
-- finds: pg_stat_statements.max
-- server: 14
-- severity: info
-- says: 5,000 entries are too few: all of them were replaced 2.5 times a day
-- fix: alter system set pg_stat_statements.max = 10000
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements_info;
drop view pg_stat_statements_info;
create view pg_stat_statements_info as select 100::bigint as dealloc, now() - interval '2 days' as stats_reset;

-- case: it counts, and shows it
-- finds: 0
create extension pg_stat_statements;
-- The tests before this one may have had more statements than entries.
select pg_stat_statements_reset();

-- case (near miss): in whatever schema
-- finds: 0
create schema statistics;
create extension pg_stat_statements schema statistics;
select statistics.pg_stat_statements_reset();

-- case (near miss): some entries are thrown out each day
-- finds: 0
-- server: 14
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements_info;
drop view pg_stat_statements_info;
create view pg_stat_statements_info as select 100::bigint as dealloc, now() - interval '7 days' as stats_reset;
