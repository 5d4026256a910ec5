select k.position
     , pg_catalog.pg_get_indexdef(i.indexrelid, k.position::pg_catalog.int4, true) as key
     , o.oprname as operator
     , p.proleakproof as leakproof
  from pg_catalog.pg_index as i
 cross join pg_catalog.unnest(i.indclass::pg_catalog.oid[]) with ordinality as k(opclass, position)
  join pg_catalog.pg_opclass as c on c.oid = k.opclass
  join pg_catalog.pg_amop as a on a.amopfamily = c.opcfamily
                              and a.amoplefttype = c.opcintype
                              and a.amoppurpose = 's'
  join pg_catalog.pg_operator as o on o.oid = a.amopopr
  join pg_catalog.pg_proc as p on p.oid = o.oprcode
 where i.indexrelid = :'object'::pg_catalog.regclass
 order by k.position, o.oprname;
