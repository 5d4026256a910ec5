-- A short transaction of its own: still READ ONLY, but committed, so that what it says in the log counts. A canary needs
-- no more than that, since pg_logical_emit_message touches no table.
begin isolation level read committed read only;
set local lock_timeout = '1s';
set local statement_timeout = '15s';
set local idle_in_transaction_session_timeout = '60s';
set local search_path = pg_catalog, pg_temp;
set local timezone = 'UTC';
