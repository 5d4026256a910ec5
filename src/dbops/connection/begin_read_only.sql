-- Opens the guarded transaction of a session, in one round trip. `set local`, since PgBouncer refuses start-up options
-- and a pooled server connection must come back as it was. The numbers in braces are milliseconds; 0 is no limit.
begin isolation level repeatable read read only;
set local default_transaction_read_only = on;
set local lock_timeout = {lock_timeout};
set local statement_timeout = {statement_timeout};
set local idle_in_transaction_session_timeout = {idle_timeout};
set local search_path = pg_catalog, pg_temp;
set local jit = off;
set local work_mem = '64MB';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local timezone = 'UTC';
