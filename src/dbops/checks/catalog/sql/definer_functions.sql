-- Functions and procedures of user schemas that run with their owner's rights, without those of extensions.
select n.nspname as schema
     , p.proname as name
     , pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments
     , p.prokind as kind
     , p.prorettype in ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype) as trigger
     , pg_catalog.pg_get_userbyid(p.proowner) as owner
     , p.proconfig as settings
     , coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))::pg_catalog.text[] as items
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
 where p.prosecdef
   and n.nspname !~ '^pg_'
   and n.nspname <> 'information_schema'
   and not exists (
        select
          from pg_catalog.pg_depend as d
         where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           and d.objid = p.oid
           and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           and d.deptype = 'e'
       )
 order by n.nspname, p.proname, arguments
