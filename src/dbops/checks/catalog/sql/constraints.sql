-- with: scope
-- Primary keys, unique, foreign-key, check and exclusion constraints. NOT NULL, a constraint since 18, is a fact of the
-- column. Only checks and exclusions are deparsed; the others are told by their columns.
select k.oid
     , k.conrelid as "table"
     , k.conname as name
     , k.contype as type
     , k.conkey::pg_catalog.text as columns
     , nullif(k.confrelid, 0) as foreign_table
     , k.confkey::pg_catalog.text as foreign_columns
     , k.conpfeqop::pg_catalog.text as operators
     , nullif(k.conindid, 0) as index_oid
     , nullif(k.conparentid, 0) as parent
     , k.condeferrable as deferrable
     , k.condeferred as deferred
     , k.convalidated as validated
     , k.conenforced as enforced
     , k.conperiod as temporal
     , k.confmatchtype as match
     , k.confupdtype as on_update
     , k.confdeltype as on_delete
     , case when k.contype in ('c', 'x') then pg_catalog.pg_get_constraintdef(k.oid) end as definition
  from pg_catalog.pg_constraint as k
  join scope as s on s.oid = k.conrelid
 where k.contype in ('p', 'u', 'f', 'c', 'x')
 order by k.conrelid, k.conname, k.oid
