-- with: scope
-- Row-level security policies.
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
  from pg_catalog.pg_policy as p
  join scope as s on s.oid = p.polrelid
 order by p.polrelid, p.polname
