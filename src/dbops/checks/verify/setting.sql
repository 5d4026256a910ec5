select s.name, s.setting, s.source, null as role, null as database
  from pg_catalog.pg_settings as s
 where s.name = :'object'
 union all
select o.setting, null, 'role or database', nullif(d.setrole, 0)::pg_catalog.regrole::pg_catalog.text, b.datname::pg_catalog.text
  from pg_catalog.pg_db_role_setting as d
  left join pg_catalog.pg_database as b on b.oid = d.setdatabase
 cross join pg_catalog.unnest(d.setconfig) as o(setting)
 where pg_catalog.split_part(o.setting, '=', 1) = :'object';
