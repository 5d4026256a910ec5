select a.attname as name
     , a.attnotnull as not_null
     , pg_catalog.pg_get_expr(d.adbin, d.adrelid) as "default"
  from pg_catalog.pg_attribute as a
  left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid
                                      and d.adnum = a.attnum
 where a.attrelid = :'object'::pg_catalog.regclass
   and a.attnum > 0
   and not a.attisdropped
 order by a.attnum;
