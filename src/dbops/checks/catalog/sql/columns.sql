-- with: scope
-- The columns of each relation, one row a relation: parallel arrays in the order of their numbers. Looked up relation by
-- relation: most of pg_attribute is about indexes, and a sort of what is left costs as much again. What has been granted
-- on columns is asked here, where they are gone through anyway.
select s.oid as "table"
     , a.numbers
     , a.names
     , a.types
     , a.modifiers
     , a.collations
     , a.not_null
     , a.has_default
     , a.identity
     , a.generated
     , case when a.granted then (
            select pg_catalog.array_agg(distinct i.item::pg_catalog.text)
              from pg_catalog.pg_attribute as b
             cross join pg_catalog.unnest(b.attacl) as i(item)
             where b.attrelid = s.oid
               and b.attnum > 0
               and not b.attisdropped
       ) end as grants
  from scope as s
 cross join lateral (
        select pg_catalog.array_agg(a.attnum)::pg_catalog.text as numbers
             , pg_catalog.array_agg(a.attname::pg_catalog.text) as names
             , pg_catalog.array_agg(a.atttypid)::pg_catalog.text as types
             , pg_catalog.array_agg(a.atttypmod)::pg_catalog.text as modifiers
             , pg_catalog.array_agg(a.attcollation)::pg_catalog.text as collations
             , pg_catalog.array_agg(a.attnotnull::pg_catalog.int4)::pg_catalog.text as not_null
             , pg_catalog.array_agg(a.atthasdef::pg_catalog.int4)::pg_catalog.text as has_default
             , pg_catalog.string_agg(case a.attidentity when '' then '-' else a.attidentity::pg_catalog.text end, '') as identity
             , pg_catalog.string_agg(case a.attgenerated when '' then '-' else a.attgenerated::pg_catalog.text end, '') as generated
             , pg_catalog.bool_or(a.attacl is not null) as granted
          from (
                select a.*
                  from pg_catalog.pg_attribute as a
                 where a.attrelid = s.oid
                   and a.attnum > 0
                   and not a.attisdropped
                 order by a.attnum
               ) as a
       ) as a
 where a.numbers is not null
 order by s.oid
