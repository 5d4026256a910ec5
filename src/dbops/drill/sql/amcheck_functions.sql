-- The functions of amcheck, as the restored copy has them.
select p.oid::pg_catalog.regprocedure::pg_catalog.text as name
from pg_catalog.pg_extension as e
join pg_catalog.pg_depend as d
    on d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
    and d.refobjid = e.oid
    and d.deptype = 'e'
    and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
join pg_catalog.pg_proc as p on p.oid = d.objid
where e.extname = 'amcheck'
order by 1
