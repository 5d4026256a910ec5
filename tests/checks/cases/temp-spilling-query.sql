-- case: a statement spills much each time
-- finds: 1
-- says: writes 102.4 MiB of temporary files each time, 2.0 GiB in 20 executions
-- says: work_mem is 4.0 MiB, some 512.0 MiB would do for it
-- severity: info
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit order by note', 20::bigint, 100::float8, 20::bigint, 262144::bigint),
        (2::bigint, true, 'select 1', 100000::bigint, 6000::float8, 100000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case: it takes much of the time as well
-- finds: 1
-- says: work_mem is 4.0 MiB: select
-- severity: warning
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit order by note', 20::bigint, 9000::float8, 20::bigint, 1048576::bigint),
        (2::bigint, true, 'select 1', 100000::bigint, 6000::float8, 100000::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case: it does not spill
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit order by note', 20::bigint, 9000::float8, 20::bigint, 0::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): much in all, but little each time
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit order by note', 1000::bigint, 9000::float8, 1000::bigint, 262144::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): much each time, but only nine times
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit order by note', 9::bigint, 9000::float8, 9::bigint, 262144::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): much each time, but under a gigabyte in all
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'select * from visit order by note', 20::bigint, 9000::float8, 20::bigint, 65536::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): a utility command may sort on disk
-- finds: 0
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (1::bigint, true, 'create index on visit (note)', 20::bigint, 9000::float8, 20::bigint, 262144::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();

-- case (near miss): hidden from the role
-- finds: skip
create extension pg_stat_statements;
alter extension pg_stat_statements drop view pg_stat_statements;
drop view pg_stat_statements;
create view pg_stat_statements as
select s.*, 10::oid as userid, d.oid as dbid
  from pg_database as d
 cross join (values
        (null::bigint, true, '<insufficient privilege>', 20::bigint, 400::float8, 20::bigint, 262144::bigint)
       ) as s (queryid, toplevel, query, calls, total_exec_time, rows, temp_blks_written)
 where d.datname = current_database();
