-- with: scope
-- The relations that views and materialised views name, from the dependencies of the rule behind each. The option
-- security_invoker is of 15 and later, and unknown to the parser before, so that no view can have it there. Whether a
-- view calls current_setting is read from its stored tree, and only where it matters: such trees are large.
select s.oid as relation
     , o.invoker
     , d.reads::pg_catalog.text as reads
     , case when s.relkind = 'v' and d.guarded and not o.invoker then exists (
            select
              from pg_catalog.pg_rewrite as r
             where r.ev_class = s.oid
               and r.ev_action::pg_catalog.text ~ ':funcid (2077|3294) '
       ) else false end as asks
  from scope as s
 cross join lateral (
        select coalesce(pg_catalog.bool_or(o.option_value::pg_catalog.bool), false) as invoker
          from pg_catalog.pg_options_to_table(s.reloptions) as o
         where o.option_name = 'security_invoker'
       ) as o
 cross join lateral (
        select coalesce(pg_catalog.array_agg(distinct d.refobjid order by d.refobjid), '{}') as reads
             , coalesce(pg_catalog.bool_or(t.relrowsecurity), false) as guarded
          from pg_catalog.pg_rewrite as r
          join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                                        and d.objid = r.oid
          join pg_catalog.pg_class as t on t.oid = d.refobjid
         where r.ev_class = s.oid
           and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           and d.refobjid <> s.oid
       ) as d
 where s.relkind in ('v', 'm')
 order by s.oid
