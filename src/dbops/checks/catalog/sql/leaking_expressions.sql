-- with: scope
-- What the expressions of indexes call that is not LEAKPROOF. The calls are read from the stored tree, where functions
-- and operators stand by number; what calls none by number (COALESCE, a cast by way of text) is named by the kind of
-- its node, since PostgreSQL takes none of these for safe. A call of nothing but a constant is left out: the planner has
-- made a constant of it before it looks.
select c.indexrelid as index_oid
     , pg_catalog.array_agg(distinct c.name::pg_catalog.text) filter (where not c.leakproof) as calls
     , not pg_catalog.bool_or(c.leakproof) as throughout
  from (
        select i.indexrelid
             , coalesce(f.proname, c.oprname, pg_catalog.lower(m.found[3])) as name
             , coalesce(f.proleakproof, g.proleakproof, false) as leakproof
          from pg_catalog.pg_index as i
          join scope as s on s.oid = i.indrelid
         cross join pg_catalog.regexp_matches(
                        i.indexprs::pg_catalog.text,
                        ':funcid (\d+)(?!\d| [^(){}]*:args \(\{CONST [^(){}]*\}\))'
                        '|:opno (\d+)|\{(COALESCE|COERCEVIAIO)(?:EXPR)? ',
                        'g'
                    ) as m(found)
          left join pg_catalog.pg_proc as f on f.oid = m.found[1]::pg_catalog.oid
          left join pg_catalog.pg_operator as c on c.oid = m.found[2]::pg_catalog.oid
          left join pg_catalog.pg_proc as g on g.oid = c.oprcode
         where i.indexprs is not null
       ) as c
 group by c.indexrelid
having not pg_catalog.bool_and(c.leakproof)
 order by c.indexrelid
