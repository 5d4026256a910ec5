-- with: scope
-- The indexes of tables in scope. Only what cannot be read from numbers is deparsed: expressions, key by key, and the
-- predicate. Operator class parameters exist for none of btree and hash in practice, so only the others are asked.
select i.indexrelid as oid
     , c.relname as name
     , i.indrelid as "table"
     , c.relkind as kind
     , h.inhparent as parent
     , m.amname as method
     , i.indisunique as is_unique
     , i.indisprimary as is_primary
     , i.indisexclusion as is_exclusion
     , i.indimmediate as immediate
     , i.indisvalid as valid
     , i.indisready as ready
     , i.indislive as live
     , i.indisclustered as clustered
     , i.indisreplident as replica_identity
     , i.indnullsnotdistinct as nulls_not_distinct
     , i.indnkeyatts as key_count
     , i.indkey::pg_catalog.text as columns
     , i.indclass::pg_catalog.text as opclasses
     , i.indcollation::pg_catalog.text as collations
     , i.indoption::pg_catalog.text as options
     , case when i.indexprs is not null then (
            select pg_catalog.array_agg(pg_catalog.pg_get_indexdef(i.indexrelid, k.position::pg_catalog.int4, false)
                                        order by k.position)
              from pg_catalog.unnest(i.indkey::pg_catalog.int2[]) with ordinality as k(number, position)
             where k.number = 0
       ) end as expressions
     , pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate
     , c.reloptions as settings
     , case when m.amname not in ('btree', 'hash') then (
            select pg_catalog.array_agg(a.attnum || ' ' || pg_catalog.array_to_string(a.attoptions, ', ')
                                        order by a.attnum)
              from pg_catalog.pg_attribute as a
             where a.attrelid = i.indexrelid
               and a.attoptions is not null
       ) end as opclass_settings
     , case when c.reltablespace <> 0 then (
            select t.spcname from pg_catalog.pg_tablespace as t where t.oid = c.reltablespace
       ) end as tablespace
     , c.reltuples::pg_catalog.int8 as rows
     , c.relpages as pages
  from pg_catalog.pg_index as i
  join scope as s on s.oid = i.indrelid
  join pg_catalog.pg_class as c on c.oid = i.indexrelid
  join pg_catalog.pg_am as m on m.oid = c.relam
  left join pg_catalog.pg_inherits as h on h.inhrelid = i.indexrelid
 order by i.indrelid, c.relname
