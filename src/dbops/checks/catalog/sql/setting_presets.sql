-- What ALTER ROLE ... SET and ALTER DATABASE ... SET have given sessions of this database for settings of applications
-- (those with a dot in their name). A value is shown where it is empty, a number or a UUID; any other may be a secret.
select pg_catalog.pg_get_userbyid(nullif(d.setrole, 0))::pg_catalog.text as role
     , (
            select b.datname::pg_catalog.text from pg_catalog.pg_database as b where b.oid = d.setdatabase
       ) as database
     , o.name
     , case when o.value ~* '^([0-9]{1,19}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$' then o.value end as value
  from pg_catalog.pg_db_role_setting as d
 cross join pg_catalog.unnest(d.setconfig) as c(entry)
 cross join lateral (
        select pg_catalog.split_part(c.entry, '=', 1) as name
             , pg_catalog.substring(c.entry, '=(.*)$') as value
       ) as o
 where o.name like '%.%'
   and d.setdatabase in (0, (
        select b.oid from pg_catalog.pg_database as b where b.datname = pg_catalog.current_database()
       ))
 order by o.name, 1 nulls first, 2 nulls first
