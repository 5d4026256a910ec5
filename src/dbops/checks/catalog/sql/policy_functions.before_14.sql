-- Functions that a policy calls, and those that read a setting: how the tenant gets into a policy by way of a function.
-- Extensions' own are left out.
select p.oid
     , n.nspname as schema
     , p.proname as name
     , pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments
     , p.provolatile as volatility
     , p.prosrc as source
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
 where n.nspname !~ '^pg_'
   and n.nspname <> 'information_schema'
   and p.prokind = 'f'
   and (
        p.prosrc ~* 'current_setting'
        or p.oid in (
            select d.refobjid
              from pg_catalog.pg_depend as d
             where d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
               and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           )
       )
   and p.oid not in (
        select d.objid
          from pg_catalog.pg_depend as d
         where d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           and d.deptype = 'e'
       )
 order by n.nspname, p.proname, 4
