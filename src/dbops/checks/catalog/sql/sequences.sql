-- Sequences that can run out, and the columns that take their values: those they are owned by or the default of, and
-- those that refer to them by foreign keys, at any distance. A sequence whose every limit is beyond 2^53 cannot run out
-- (at a million values a second that takes 285 years) and is left out; where it is bigint all the way, as most are,
-- nothing is followed. The position costs a lock each until the end of the transaction, so no more are asked than a
-- quarter of the server's lock table holds, those of the largest tables first; and none that is locked, since one ALTER
-- SEQUENCE would hold up all. What is not a quarter on its way is left out, as are those beyond the first that was not
-- asked. The look-ups of pairs stand under OR, where they are hashed whatever number of rows the planner expects; the
-- types of fed columns are looked up one by one, since most of pg_attribute is about others. What a sequence is called,
-- and whether it is in scope, is asked of the few that are left.
with fed as (
        select s.seqrelid as sequence
             , d.refobjid as "table"
             , d.refobjsubid as number
             , d.deptype = 'i' as is_identity
          from pg_catalog.pg_sequence as s
          join pg_catalog.pg_depend as d
            on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
           and d.objid = s.seqrelid
           and d.objsubid = 0
           and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           and d.refobjsubid > 0
           and d.deptype in ('a', 'i')
         union all
        select s.seqrelid
             , f.adrelid
             , f.adnum
             , false
          from pg_catalog.pg_sequence as s
          join pg_catalog.pg_depend as d
            on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           and d.refobjid = s.seqrelid
           and d.refobjsubid = 0
           and d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
          join pg_catalog.pg_attrdef as f on f.oid = d.objid
       )
, link as (
        select k.conrelid
             , u.number
             , k.confrelid
             , u.foreign_number
             , u.operator
          from pg_catalog.pg_constraint as k
         cross join lateral rows from (
                pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey), pg_catalog.unnest(k.conpfeqop)
               ) as u(number, foreign_number, operator)
         where k.contype = 'f'
           and k.conparentid = 0
       )
, narrowing as (
        select l.confrelid
             , l.foreign_number
          from link as l
         where l.operator not in (
                select o.oid from pg_catalog.pg_operator as o where o.oprright = 'pg_catalog.int8'::pg_catalog.regtype
               )
       )
, watched as (
        select c.oid
             , n.nspname
             , c.relname
             , c.relpersistence
             , q.seqtypid
             , q.seqincrement
             , q.seqmin
             , q.seqmax
             , q.seqcycle
          from (
                select s.*
                  from pg_catalog.pg_sequence as s
                 where case when s.seqincrement > 0 then s.seqmax else -(s.seqmin + 1) end < 9007199254740992
                    or s.seqrelid in (
                        select f.sequence
                          from fed as f
                         where (
                                select a.atttypid
                                  from pg_catalog.pg_attribute as a
                                 where a.attrelid = f."table"
                                   and a.attnum = f.number
                               ) in (
                                select t.oid
                                  from pg_catalog.pg_type as t
                                 where t.typtype = 'd'
                                    or t.oid in ('pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype)
                               )
                            or (f."table", f.number) in (select n.confrelid, n.foreign_number from narrowing as n)
                       )
                    -- What narrows a column that refers to another can be any distance away; it is seldom there.
                    or exists (
                        select
                          from narrowing as n
                          join link as l on l.conrelid = n.confrelid and l.number = n.foreign_number
                       )
               ) as q
          join pg_catalog.pg_class as c on c.oid = q.seqrelid
          join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         where c.relkind = 'S'
           and c.relpersistence <> 't'
           and n.nspname !~ '^pg_'
           and n.nspname <> 'information_schema'
           and c.oid not in (
                select e.objid
                  from pg_catalog.pg_depend as e
                 where e.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                   and e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                   and e.deptype = 'e'
               )
       )
, reached as (
        with recursive step as (
                select f.sequence, f."table", f.number, true as is_fed, f.is_identity
                  from fed as f
                 where f.sequence in (select w.oid from watched as w)
                 union
                select p.sequence, l.conrelid, l.number, false, false
                  from step as p
                  join link as l on l.confrelid = p."table" and l.foreign_number = p.number
             )
        select p.sequence
             , p."table"
             , p.number
             , pg_catalog.bool_or(p.is_fed) as is_fed
             , pg_catalog.bool_or(p.is_identity) as is_identity
          from step as p
         group by p.sequence, p."table", p.number
       )
, held as (
        select r.sequence
             , r."table"
             , r.number
             , r.is_fed
             , r.is_identity
             , case coalesce(nullif(t.typbasetype, 0), t.oid)
                    when 'pg_catalog.int2'::pg_catalog.regtype then 32767
                    when 'pg_catalog.int4'::pg_catalog.regtype then 2147483647
                    when 'pg_catalog.int8'::pg_catalog.regtype then 9223372036854775807
                    else 0
               end as "limit"
             , c.reltuples
          from reached as r
          join pg_catalog.pg_class as c on c.oid = r."table"
          join pg_catalog.pg_attribute as a on a.attrelid = r."table" and a.attnum = r.number
          join pg_catalog.pg_type as t on t.oid = a.atttypid
       )
, ranked as (
        select s.*
             , least(s.seqmax, h.narrowest) as highest
             , greatest(s.seqmin, -h.narrowest - 1) as lowest
             , p.readable
             , pg_catalog.row_number() over (partition by p.readable order by h.rows desc nulls last, s.oid) as place
          from watched as s
         cross join lateral (
                select pg_catalog.has_sequence_privilege(s.oid, 'usage, select') as readable
               ) as p
          left join (
                select h.sequence
                     , min(nullif(h."limit", 0)) as narrowest
                     , max(h.reltuples) as rows
                  from held as h
                 group by h.sequence
               ) as h on h.sequence = s.oid
         where least(case when s.seqincrement > 0 then s.seqmax else -(s.seqmin + 1) end, h.narrowest) < 9007199254740992
       )
, locked as (
        select l.relation
          from pg_catalog.pg_locks as l
         where l.locktype = 'relation'
           and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
           and l.pid <> pg_catalog.pg_backend_pid()
       )
, judged as (
        select r.*
             , case
                    when not r.readable then 'no privilege'
                    when r.relpersistence = 'u' and pg_catalog.pg_is_in_recovery() then 'unlogged'
                    when r.oid in (select l.relation from locked as l) then 'locked'
                    when r.place > r.budget + 1 then 'left out'
                    when r.place > r.budget then 'too many'
                    else 'read'
               end as state
          from (
                select q.*
                     , pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8
                       * pg_catalog.current_setting('max_connections')::pg_catalog.int8 / 4 as budget
                  from ranked as q
               ) as r
       )
, asked as (
        select j.*
             , case j.state when 'read' then pg_catalog.pg_sequence_last_value(j.oid) end as last_value
          from judged as j
       )
, kept as (
        select k.*
          from asked as k
         where k.state not in ('read', 'left out')
            or (k.seqincrement > 0 and k.last_value > k.highest / 4)
            or (k.seqincrement < 0 and k.last_value < k.lowest / 4)
       )
select k.nspname as schema
     , k.relname as name
     , k.seqtypid as type
     , k.seqincrement as increment
     , k.seqmin as minimum
     , k.seqmax as maximum
     , k.seqcycle as cycles
     , coalesce(h.is_identity, false) as is_identity
     , h.tables
     , h.columns
     , h.limits
     , h.fed
     , k.state
     , k.last_value
  from kept as k
  left join (
        select h.sequence
             , pg_catalog.bool_or(h.is_identity) as is_identity
             , pg_catalog.array_agg(h."table" order by h."table", h.number)::pg_catalog.text as tables
             , pg_catalog.array_agg(h.number order by h."table", h.number)::pg_catalog.text as columns
             , pg_catalog.array_agg(h."limit" order by h."table", h.number)::pg_catalog.text as limits
             , pg_catalog.array_agg(h.is_fed::pg_catalog.int4 order by h."table", h.number)::pg_catalog.text as fed
          from held as h
         where h.sequence in (select w.oid from kept as w)
         group by h.sequence
       ) as h on h.sequence = k.oid
 order by k.nspname, k.relname
