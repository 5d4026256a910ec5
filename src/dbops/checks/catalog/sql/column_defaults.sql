-- with: scope
-- What columns get that nobody gives a value, and what generated columns are made of. The commonest that identify
-- nothing are left out by the beginning of their stored tree, since deparsing is what costs: now() and its like, flags.
-- Only what names columns is deparsed with its table, which has to be opened for it; a default cannot.
select d.adrelid as "table"
     , d.adnum as number
     , pg_catalog.pg_get_expr(d.adbin, case when d.adbin::pg_catalog.text like '%{VAR %' then d.adrelid else 0 end) as expression
  from pg_catalog.pg_attrdef as d
 where d.adrelid in (select s.oid from scope as s)
   and d.adbin::pg_catalog.text not like '{FUNCEXPR :funcid 1299 %'
   and d.adbin::pg_catalog.text not like '{SQLVALUEFUNCTION %'
   and d.adbin::pg_catalog.text not like '{CONST :consttype 16 %'
 order by d.adrelid, d.adnum
