-- with: scope
-- Text columns whose sampled values are lists, judged here from pg_stats, so that no value leaves the server; and those
-- whose samples this role may not see. Only the 200 largest tables are looked through: a column costs some 0.1 ms.
--
-- A column holds lists when every sampled value is made of single words between separators, enough of them of more than
-- one, some of three or more, and not all of equally many (coordinates, colours), nor all of them numbers with a comma.
-- A name such as tags or user_ids makes fewer do.
, large as (
        select s.oid
             , s.nspname
             , s.relname
             , s.relkind
          from scope as s
         where s.relkind in ('r', 'm', 'p')
           and not s.relispartition
           and (s.reltuples >= 50 or s.relkind = 'p')
         order by s.relkind = 'p' desc, s.reltuples desc, s.nspname, s.relname
         limit 200
       )
, candidate as (
        select l.oid
             , l.nspname
             , l.relname
             , l.relkind
             , a.attnum
             , a.attname
             , case
                    when not pg_catalog.has_column_privilege(l.oid, a.attnum, 'select') then 'no privilege'
                    when pg_catalog.row_security_active(l.oid) then 'row security'
                    else 'sampled'
               end as state
             , case when a.attname ~* '(^|_)(ids|list|tags|labels|roles|mails|emails|keywords|categories|permissions|scopes|codes)$'
                    then 3
                    else 5
               end as least_values
             , case when a.attname ~* '(^|_)(ids|list|tags|labels|roles|mails|emails|keywords|categories|permissions|scopes|codes)$'
                    then 0.1
                    else 0.3
               end as least_share
          from large as l
          join pg_catalog.pg_attribute as a on a.attrelid = l.oid
          join pg_catalog.pg_type as t on t.oid = a.atttypid
         where a.attnum > 0
           and not a.attisdropped
           and t.typcategory = 'S'
       )
select c.oid as "table"
     , c.attnum as number
     , case c.state when 'sampled' then 'list' else c.state end as state
     , j.separator
  from candidate as c
  left join lateral (
        select d.separator
          from (
                select p.most_common_vals::pg_catalog.text as common
                     , p.histogram_bounds::pg_catalog.text as bounds
                  from pg_catalog.pg_stats as p
                 where p.schemaname = c.nspname
                   and p.tablename = c.relname
                   and p.attname = c.attname
                   and p.inherited = (c.relkind = 'p')
                offset 0
               ) as p
         cross join (values (','), (';'), ('|')) as d(separator)
         cross join lateral (
                select pg_catalog.count(*) as number
                     , pg_catalog.count(*) filter (where u.separators > 0) as separated
                     , pg_catalog.max(u.separators) as most
                     , pg_catalog.min(u.separators) as fewest
                  from (
                        select pg_catalog.length(v.value)
                               - pg_catalog.length(pg_catalog.replace(v.value, d.separator, '')) as separators
                          from pg_catalog.unnest(p.common::pg_catalog.text[] || p.bounds::pg_catalog.text[]) as v(value)
                         where v.value <> ''
                       ) as u
               ) as n
         cross join lateral (
                select pg_catalog.bool_and(
                            v.value ~ pg_catalog.format('^\s*[[:alnum:]_.@:/+#="''-]+(\s*[%s]\s*[[:alnum:]_.@:/+#="''-]+)*\s*$', d.separator)
                       ) as single_words
                     , pg_catalog.bool_and(v.value ~ '^[-+]?\d{1,3}(,\d{3})*(\.\d+)?$|^[-+]?\d+(,\d+)?$') as numbers
                  from (
                        select pg_catalog.btrim(u.value, ' {}[]()') as value
                          from pg_catalog.unnest(p.common::pg_catalog.text[] || p.bounds::pg_catalog.text[]) as u(value)
                         where u.value <> ''
                       ) as v
                 where n.number >= c.least_values
                   and n.separated >= n.number * c.least_share
                   and n.most >= 2
                   and n.fewest < n.most
               ) as w
         where c.state = 'sampled'
           -- Quicker than taking the samples apart: an array quotes an element that holds a comma.
           and pg_catalog.strpos(
                    pg_catalog.concat(p.common, p.bounds), case d.separator when ',' then '"' else d.separator end
               ) > 0
           and w.single_words
           and not w.numbers
         order by n.separated desc, d.separator
         limit 1
       ) as j on true
 where c.state <> 'sampled'
    or j.separator is not null
 order by c.nspname, c.relname, c.attnum
