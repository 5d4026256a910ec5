-- Which release the server is: one row.
select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as version
     , pg_catalog.current_setting('server_version') as spelled
