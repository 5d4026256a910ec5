select s.*
  from :view as s
 where s.queryid = :'object'::pg_catalog.int8;
