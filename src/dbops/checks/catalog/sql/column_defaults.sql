-- with: scope
-- What columns get that nobody gives a value, where the type can identify something. Types that cannot are left out
-- here, because deparsing is what costs: boolean, json, real, double precision, dates and times, jsonb.
select d.adrelid as "table"
     , d.adnum as number
     , pg_catalog.pg_get_expr(d.adbin, d.adrelid) as expression
  from scope as s
  join pg_catalog.pg_attrdef as d on d.adrelid = s.oid
  join pg_catalog.pg_attribute as a on a.attrelid = d.adrelid
                                   and a.attnum = d.adnum
 where s.relkind in ('r', 'p')
   and a.attgenerated = ''
   and a.atttypid <> all ('{16,114,700,701,1082,1083,1114,1184,1186,1266,3802}'::pg_catalog.oid[])
 order by d.adrelid, d.adnum
