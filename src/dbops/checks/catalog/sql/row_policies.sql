-- with: scope
-- Row-level security policies, and what PostgreSQL has noted that their expressions depend on: columns of their own
-- table, functions of the database, other relations. The dependency on the table itself is another type ('a').
select p.polrelid as "table"
     , p.polname as name
     , p.polcmd as command
     , p.polpermissive as permissive
     , array(
            select case r.role when 0 then 'public' else pg_catalog.pg_get_userbyid(r.role)::pg_catalog.text end
              from pg_catalog.unnest(p.polroles) as r(role)
             order by 1
       ) as roles
     , pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using_expression
     , pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check_expression
     , o.columns::pg_catalog.text
     , o.functions::pg_catalog.text
     , o.relations::pg_catalog.text
  from pg_catalog.pg_policy as p
  join scope as s on s.oid = p.polrelid
 cross join lateral (  -- one visit to pg_depend for each policy
        select pg_catalog.array_agg(distinct d.refobjsubid)
                 filter (where d.refobjid = p.polrelid and d.refobjsubid > 0) as columns
             , pg_catalog.array_agg(distinct d.refobjid)
                 filter (where d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass) as functions
             , pg_catalog.array_agg(distinct d.refobjid)
                 filter (
                    where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      and d.refobjid <> p.polrelid
                 ) as relations
          from pg_catalog.pg_depend as d
         where d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
           and d.objid = p.oid
           and d.deptype = 'n'
       ) as o
 order by p.polrelid, p.polname
