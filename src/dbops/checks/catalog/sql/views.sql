-- with: scope
-- The relations that views and materialised views name, from the dependencies of the rule behind each. The option
-- security_invoker is of 15 and later, and unknown to the parser before, so that no view can have it there.
select s.oid as relation
     , coalesce((
            select o.option_value::pg_catalog.bool
              from pg_catalog.pg_options_to_table(c.reloptions) as o
             where o.option_name = 'security_invoker'
       ), false) as invoker
     , array(
            select distinct d.refobjid
              from pg_catalog.pg_rewrite as r
              join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                                            and d.objid = r.oid
             where r.ev_class = s.oid
               and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
               and d.refobjid <> s.oid
             order by d.refobjid
       )::pg_catalog.text as reads
  from scope as s
  join pg_catalog.pg_class as c on c.oid = s.oid
 where s.relkind in ('v', 'm')
 order by s.oid
