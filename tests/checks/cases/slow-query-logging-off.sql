-- case: the server logs none
-- finds: log_min_duration_statement
-- severity: warning
-- says: pg_stat_statements does not either
-- fix: alter system set log_min_duration_statement = '500ms'
create table visit (id bigint primary key);

-- case: the statistics at least count them
-- finds: log_min_duration_statement
-- severity: info
create extension pg_stat_statements;

-- case: they are logged in this database
-- finds: 0
alter database dbops_cases set log_min_duration_statement = '1s';

-- case (near miss): of one role a sample is logged
-- finds: 0
create role clerk;
alter role clerk set log_min_duration_sample = '100ms';

-- case (near miss): of one role some transactions are logged
-- finds: 0
create role clerk;
alter role clerk set log_transaction_sample_rate = 0.01;

-- case (near miss): auto_explain is loaded for one role
-- finds: 0
create role clerk;
alter role clerk set session_preload_libraries = 'auto_explain';

-- case (near miss): a setting that says off is none
-- finds: log_min_duration_statement
alter database dbops_cases set log_min_duration_statement = -1;

-- case (near miss): durations without statements say nothing
-- finds: log_min_duration_statement
alter database dbops_cases set log_duration = on;

-- case (near miss): another database logs them
-- finds: log_min_duration_statement
alter database postgres set log_min_duration_statement = '1s';
