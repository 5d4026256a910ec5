-- with: scope
-- How wide the rows of large tables are by the planner's samples, as parallel arrays over the columns in order: what a
-- row should take, against the pages it does. Only tables of 64 MiB and more, so that few are looked up. A width is -1
-- where there are no statistics of the column, or this role may not see them.
, large as (
        select s.oid
             , s.nspname
             , s.relname
             , s.reltuples
             , s.relpages
             , coalesce((
                    select r.option_value::pg_catalog.int4
                      from pg_catalog.pg_options_to_table(s.reloptions) as r
                     where r.option_name = 'fillfactor'
               ), 100) as fillfactor
             , case
                    when pg_catalog.row_security_active(s.oid) then 'row security'
                    when not pg_catalog.has_table_privilege(s.oid, 'select') then 'no privilege'
                    else 'visible'
               end as state
          from scope as s
          join pg_catalog.pg_am as m on m.oid = s.relam and m.amname = 'heap'
         where s.relkind in ('r', 'm')
           and s.relpages >= 67108864 / pg_catalog.current_setting('block_size')::pg_catalog.int4
       )
select l.oid as "table"
     , l.fillfactor
     , l.state
     , a.dropped
     , a.numbers
     , a.lengths
     , a.alignments
     , a.widths
     , a.null_millionths
  from large as l
 cross join lateral (
        select pg_catalog.count(*) filter (where a.attisdropped) as dropped
             , (pg_catalog.array_agg(a.attnum order by a.attnum) filter (where not a.attisdropped))::pg_catalog.text as numbers
             , (pg_catalog.array_agg(a.attlen order by a.attnum) filter (where not a.attisdropped))::pg_catalog.text as lengths
             , (pg_catalog.array_agg(case a.attalign when 'd' then 8 when 'i' then 4 when 's' then 2 else 1 end
                                     order by a.attnum) filter (where not a.attisdropped))::pg_catalog.text as alignments
             , (pg_catalog.array_agg(coalesce(p.avg_width, -1) order by a.attnum)
                    filter (where not a.attisdropped))::pg_catalog.text as widths
             , (pg_catalog.array_agg(coalesce((p.null_frac * 1000000)::pg_catalog.int4, 0) order by a.attnum)
                    filter (where not a.attisdropped))::pg_catalog.text as null_millionths
          from pg_catalog.pg_attribute as a
          left join lateral (
                select s.avg_width
                     , s.null_frac
                  from pg_catalog.pg_stats as s
                 where s.schemaname = l.nspname
                   and s.tablename = l.relname
                   and s.attname = a.attname
                   and not s.inherited
                offset 0
               ) as p on not a.attisdropped
         where a.attrelid = l.oid
           and a.attnum > 0
       ) as a
 order by l.nspname, l.relname
