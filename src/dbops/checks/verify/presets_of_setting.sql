select coalesce(nullif(d.setrole, 0)::pg_catalog.regrole::pg_catalog.text, 'all roles') as role
     , coalesce(b.datname, 'all databases') as database
     , c.entry
  from pg_catalog.pg_db_role_setting as d
  left join pg_catalog.pg_database as b on b.oid = d.setdatabase
 cross join pg_catalog.unnest(d.setconfig) as c(entry)
 where pg_catalog.lower(pg_catalog.split_part(c.entry, '=', 1)) = pg_catalog.lower(:'object')
 order by 1, 2;
