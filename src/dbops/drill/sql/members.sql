-- The names of everything that belongs to an extension, without their schemas: rights to it are not an archive's to give.
select distinct n.object_names[pg_catalog.array_upper(n.object_names, 1)] as name
from pg_catalog.pg_depend as d
cross join lateral pg_catalog.pg_identify_object_as_address(d.classid, d.objid, d.objsubid) as n
where d.deptype = 'e' and pg_catalog.array_upper(n.object_names, 1) > 0
order by 1
