-- One commit that touches no table: about 128 bytes of log, with a transaction id that a recovered server can be asked.
select pg_catalog.pg_current_xact_id()::text as xid
     , pg_catalog.pg_logical_emit_message(true, 'dbops', {text})::text as message
