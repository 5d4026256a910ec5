-- with: scope
-- The columns of each relation, one row a relation: parallel arrays in the order of their numbers.
select a.attrelid as "table"
     , pg_catalog.array_agg(a.attnum)::pg_catalog.text as numbers
     , pg_catalog.array_agg(a.attname::pg_catalog.text) as names
     , pg_catalog.array_agg(a.atttypid)::pg_catalog.text as types
     , pg_catalog.array_agg(a.atttypmod)::pg_catalog.text as modifiers
     , pg_catalog.array_agg(a.attcollation)::pg_catalog.text as collations
     , pg_catalog.array_agg(a.attnotnull::pg_catalog.int4)::pg_catalog.text as not_null
     , pg_catalog.array_agg(a.atthasdef::pg_catalog.int4)::pg_catalog.text as has_default
     , pg_catalog.string_agg(case a.attidentity when '' then '-' else a.attidentity::pg_catalog.text end, '') as identity
     , pg_catalog.string_agg(case a.attgenerated when '' then '-' else a.attgenerated::pg_catalog.text end, '') as generated
  from (
        select a.attrelid  -- each by name: rows this wide are slow to sort
             , a.attnum
             , a.attname
             , a.atttypid
             , a.atttypmod
             , a.attcollation
             , a.attnotnull
             , a.atthasdef
             , a.attidentity
             , a.attgenerated
          from pg_catalog.pg_attribute as a
          join scope as s on s.oid = a.attrelid
         where a.attnum > 0
           and not a.attisdropped
         order by a.attrelid, a.attnum
       ) as a
 group by a.attrelid
 order by a.attrelid
