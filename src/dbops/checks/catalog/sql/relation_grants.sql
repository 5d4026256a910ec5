-- with: scope
-- What has been granted on relations, and on columns of them; none where only the owner has any right, which is the
-- default. Items as PostgreSQL writes them, grantee=letters/grantor; parsed once for each spelling.
select s.oid as "table"
     , coalesce(s.relacl::pg_catalog.text[], '{}') as items
     , coalesce(a.items, '{}') as column_items
  from scope as s
  left join (
        select b.attrelid
             , pg_catalog.array_agg(distinct i.item::pg_catalog.text) as items
          from pg_catalog.pg_attribute as b
         cross join pg_catalog.unnest(b.attacl) as i(item)
         where b.attacl is not null
           and b.attnum > 0
           and not b.attisdropped
         group by b.attrelid
       ) as a on a.attrelid = s.oid
 where s.relacl is not null
    or a.attrelid is not null
 order by s.oid
