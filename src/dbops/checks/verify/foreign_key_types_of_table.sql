select k.conname as name
     , c.attname as "column"
     , pg_catalog.format_type(c.atttypid, c.atttypmod) as column_type
     , k.confrelid::pg_catalog.regclass as referenced
     , f.attname as key
     , pg_catalog.format_type(f.atttypid, f.atttypmod) as key_type
     , o.operator::pg_catalog.regoperator as compared_by
  from pg_catalog.pg_constraint as k
 cross join lateral rows from (
        pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey), pg_catalog.unnest(k.conpfeqop)
       ) as o(number, foreign_number, operator)
  join pg_catalog.pg_attribute as c on c.attrelid = k.conrelid and c.attnum = o.number
  join pg_catalog.pg_attribute as f on f.attrelid = k.confrelid and f.attnum = o.foreign_number
 where k.conrelid = :'object'::pg_catalog.regclass
   and k.contype = 'f'
 order by 1, 2;
