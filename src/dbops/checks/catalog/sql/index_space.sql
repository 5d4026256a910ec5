-- with: scope
-- B-trees of 10 MiB or more, and how many pages a fresh one would take: entries as counted by the last VACUUM or ANALYZE,
-- average widths from pg_stats, 8 bytes of header (16 where there are nulls) and 4 of line pointer, rounded up to 8,
-- pages filled to the fill factor, and a fiftieth for the levels above the leaves. pg_stats shows a role only the
-- columns it may read: an index with a column that it may not has null here.
   , big as (
        select i.indexrelid
             , i.indrelid
             , i.indkey
             , t.nspname
             , t.relname as table_name
             , c.relname as index_name
             , c.reltuples
             , c.relpages
             , pg_catalog.current_setting('block_size')::pg_catalog.int4 as page_bytes
             , coalesce((
                    select o.option_value::pg_catalog.int4
                      from pg_catalog.pg_options_to_table(c.reloptions) as o
                     where o.option_name = 'fillfactor'
               ), 90) as fill_factor
          from pg_catalog.pg_index as i
          join scope as t on t.oid = i.indrelid
          join pg_catalog.pg_class as c on c.oid = i.indexrelid
          join pg_catalog.pg_am as m on m.oid = c.relam
         where m.amname = 'btree'
           and c.relkind = 'i'
           and i.indisvalid
           and c.relpages >= 10485760 / pg_catalog.current_setting('block_size')::pg_catalog.int4
           and c.reltuples > 0
       )
   , entry as (
        select b.indexrelid
             , case when pg_catalog.bool_or(s.null_frac is null) then null
                    else (case when pg_catalog.max(s.null_frac) > 0 then 16 else 8 end)
                         + pg_catalog.sum((1 - s.null_frac) * s.avg_width)
               end as bytes
          from big as b
         cross join lateral pg_catalog.unnest(b.indkey::pg_catalog.int2[]) with ordinality as k(number, position)
          join pg_catalog.pg_attribute as a
            on a.attrelid = case when k.number = 0 then b.indexrelid else b.indrelid end
           and a.attnum = case when k.number = 0 then k.position else k.number end
          left join lateral (
                select p.null_frac
                     , p.avg_width
                  from pg_catalog.pg_stats as p
                 where p.schemaname = b.nspname
                   and p.tablename = case when k.number = 0 then b.index_name else b.table_name end
                   and p.attname = a.attname
                   and not p.inherited
               ) as s on true
         group by b.indexrelid
       )
select b.indexrelid as index_oid
     , b.page_bytes
     , b.relpages as pages
     , pg_catalog.ceil(
            1.02 * b.reltuples * (pg_catalog.ceil(e.bytes / 8) * 8 + 4)
            / ((b.page_bytes - 40) * b.fill_factor / 100.0)
       )::pg_catalog.int8 as pages_fresh
  from big as b
  join entry as e on e.indexrelid = b.indexrelid
 order by b.indexrelid
