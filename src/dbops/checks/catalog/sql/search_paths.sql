-- Where unqualified names are looked for in this database: for all, and for the roles that have a setting of their own.
-- A role's own setting would be this session's as well; then what holds for all is taken to be the default.
with settings as (
    select d.setrole
         , d.setdatabase
         , pg_catalog.substring(o.setting, '^search_path=(.*)$') as path
      from pg_catalog.pg_db_role_setting as d
     cross join pg_catalog.unnest(d.setconfig) as o(setting)
     where o.setting like 'search\_path=%'
       and d.setdatabase in (0, (
            select b.oid from pg_catalog.pg_database as b where b.datname = pg_catalog.current_database()
           ))
)
select r.role
     , r.path
  from (
        select null::pg_catalog.text as role
             , coalesce(
                    (select s.path from settings as s where s.setrole = 0),
                    (select p.reset_val
                       from pg_catalog.pg_settings as p
                      where p.name = 'search_path'
                        and not exists (
                            select from settings as s where s.setrole = session_user::pg_catalog.regrole::pg_catalog.oid
                       )),
                    '"$user", public'
               ) as path
        union all
        select *
          from (
                select distinct on (s.setrole) pg_catalog.pg_get_userbyid(s.setrole)::pg_catalog.text
                     , s.path
                  from settings as s
                 where s.setrole <> 0
                 order by s.setrole, s.setdatabase desc
               ) as own
       ) as r
 order by r.role nulls first
