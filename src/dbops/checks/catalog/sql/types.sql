-- with: scope
-- The data types that columns in scope have, each once, and what lies beneath any domain.
select t.oid
     , pg_catalog.format_type(t.oid, null) as name
     , t.typtype as kind
     , t.typbasetype as base
     , t.typlen as length
  from pg_catalog.pg_type as t
 where t.oid in (
        select a.atttypid
          from pg_catalog.pg_attribute as a
          join scope as s on s.oid = a.attrelid
         where a.attnum > 0
           and not a.attisdropped
         union
        select d.typbasetype
          from pg_catalog.pg_type as d
         where d.typtype = 'd'
       )
 order by name, t.oid
