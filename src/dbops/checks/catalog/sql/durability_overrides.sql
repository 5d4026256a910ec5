-- What roles, this database and roles in it have set for themselves of the settings that durability hangs on.
select pg_catalog.pg_get_userbyid(nullif(d.setrole, 0))::pg_catalog.text as role
     , (
            select b.datname::pg_catalog.text from pg_catalog.pg_database as b where b.oid = d.setdatabase
       ) as database
     , pg_catalog.split_part(o.setting, '=', 1) as name
     , pg_catalog.substring(o.setting, '=(.*)$') as value
  from pg_catalog.pg_db_role_setting as d
 cross join pg_catalog.unnest(d.setconfig) as o(setting)
 where o.setting ~ '^(synchronous_commit|zero_damaged_pages|ignore_checksum_failure)='
   and d.setdatabase in (0, (
        select b.oid from pg_catalog.pg_database as b where b.datname = pg_catalog.current_database()
       ))
 order by 3, 1 nulls first, 2 nulls first
