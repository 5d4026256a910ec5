-- Run before a statement that names an extension's views without their schema: puts that schema behind pg_catalog, until
-- the rollback to the savepoint. Where the extension is not in this database nothing changes.
select pg_catalog.set_config('search_path', 'pg_catalog, ' || pg_catalog.quote_ident(n.nspname::pg_catalog.text), true)
  from pg_catalog.pg_extension as e
  join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
 where e.extname = :'extension'
