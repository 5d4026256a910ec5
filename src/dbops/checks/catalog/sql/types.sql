-- The data types that columns can have, and what lies beneath any domain: those the server came with, and of all others
-- the ones that some column depends on. Dependencies tell that without a look at every column.
select t.oid
     , pg_catalog.format_type(t.oid, null) as name
     , t.typtype as kind
     , t.typbasetype as base
     , t.typlen as length
  from pg_catalog.pg_type as t
 where (t.oid < 16384 and t.typrelid = 0)
    or t.oid in (
        select d.refobjid
          from pg_catalog.pg_depend as d
         where d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
           and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
           and d.objsubid > 0
        union
        select b.typbasetype
          from pg_catalog.pg_type as b
         where b.typtype = 'd'
       )
 order by name, t.oid
