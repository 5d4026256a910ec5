-- with: scope
-- Constraints that rows may violate: never validated, not enforced, or foreign keys of which somebody disabled a trigger
-- (DISABLE TRIGGER ALL before a load, and no ENABLE after it). What a parent hands down is validated with the parent, so
-- it is not listed again. The few constraints come first: where there are none, no relation is looked at.
, disabled as materialized (
        select g.tgconstraint as oid
          from pg_catalog.pg_trigger as g
         where g.tgenabled in ('D', 'R')
           and g.tgisinternal
           and g.tgconstraint <> 0
       )
, suspect as materialized (
        select k.*
             , k.contype = 'f' and k.oid in (select d.oid from disabled as d) as triggers_disabled
          from pg_catalog.pg_constraint as k
         where (not k.convalidated and k.coninhcount = 0)
            or (k.contype = 'f' and k.oid in (select d.oid from disabled as d))
       )
select s.nspname as schema
     , s.relname as owner
     , false as is_domain
     , s.relkind = 'p' as is_partitioned
     , k.conparentid <> 0 as inherited
     , k.conname as name
     , k.contype as type
     , k.convalidated as validated
     , k.conenforced as enforced
     , k.triggers_disabled
     , pg_catalog.pg_get_constraintdef(k.oid) as definition
  from suspect as k
  join scope as s on s.oid = k.conrelid
union all
select n.nspname
     , d.typname
     , true
     , false
     , false
     , k.conname
     , k.contype
     , k.convalidated
     , k.conenforced
     , false
     , pg_catalog.pg_get_constraintdef(k.oid)
  from pg_catalog.pg_constraint as k
  join pg_catalog.pg_type as d on d.oid = k.contypid
  join pg_catalog.pg_namespace as n on n.oid = d.typnamespace
 where not k.convalidated
   and n.nspname !~ '^pg_'
   and n.nspname <> 'information_schema'
   and d.oid not in (
        select e.objid
          from pg_catalog.pg_depend as e
         where e.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           and e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
           and e.deptype = 'e'
       )
 order by 1, 2, 6
