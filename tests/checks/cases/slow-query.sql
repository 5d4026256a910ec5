-- case: a statement is slow, often, and a good part of all time
-- finds: 1
-- says: 40% of the time of all statements, 20 executions of 200 ms on average
-- says: select * from visit where clinic = $1
-- severity: warning
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit where clinic = $1', 20::bigint, 4000::float8, 20::bigint, 0::bigint),
        (2::bigint, true, 'select 1', 100000::bigint, 6000::float8, 100000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case: what two roles run is one statement
-- finds: 1
-- says: 12 executions of 250 ms
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit where clinic = $1', 6::bigint, 1500::float8, 6::bigint, 0::bigint),
        (1::bigint, true, 'select * from visit where clinic = $1', 6::bigint, 1500::float8, 6::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case: an extension of before 1.8 called its column total_time
-- finds: 1
-- says: 20 executions of 200 ms
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, 'select * from visit where clinic = $1', 20::bigint, 4000::float8, 20::bigint, 0::bigint)
       ) as s (queryid, query, calls, total_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case: one that is hidden from the role may be as slow
-- finds: skip
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (null::bigint, true, '<insufficient privilege>', 20::bigint, 4000::float8, 20::bigint, 0::bigint),
        (2::bigint, true, 'select 1', 100000::bigint, 6000::float8, 100000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case: statements that are fast are no finding, whatever they take together
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit where clinic = $1', 1000::bigint, 50000::float8, 1000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): slow, but a small part of the time
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit where clinic = $1', 20::bigint, 4000::float8, 20::bigint, 0::bigint),
        (2::bigint, true, 'select 1', 9000000::bigint, 90000::float8, 9000000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): slow and a good part, but only nine times
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit where clinic = $1', 9::bigint, 4000::float8, 9::bigint, 0::bigint),
        (2::bigint, true, 'select 1', 100000::bigint, 6000::float8, 100000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): its own time is in its caller's already
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, false, 'select * from visit where clinic = $1', 20::bigint, 4000::float8, 20::bigint, 0::bigint),
        (2::bigint, true, 'select 1', 100000::bigint, 6000::float8, 100000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): of another database
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit where clinic = $1', 20::bigint, 4000::float8, 20::bigint, 0::bigint),
        (2::bigint, true, 'select 1', 100000::bigint, 6000::float8, 100000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = 'postgres';

-- case (near miss): utility commands, and what asks the catalogs, are of tools
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'vacuum visit', 20::bigint, 4000::float8, 20::bigint, 0::bigint),
        (2::bigint, true, '/* nightly */ refresh materialized view totals', 20::bigint, 4000::float8, 20::bigint, 0::bigint),
        (3::bigint, true, 'select * from pg_catalog.pg_class', 20::bigint, 4000::float8, 20::bigint, 0::bigint),
        (4::bigint, true, 'select oid from pg_class join pg_index on true', 20::bigint, 4000::float8, 20::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): hidden, but too little to matter
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (null::bigint, true, '<insufficient privilege>', 20::bigint, 400::float8, 20::bigint, 0::bigint),
        (2::bigint, true, 'select 1', 9000000::bigint, 90000::float8, 9000000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): without the extension nothing is known
-- finds: skip
create table visit (id bigint primary key);
