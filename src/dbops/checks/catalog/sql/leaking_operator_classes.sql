-- Operator classes without a search that is LEAKPROOF: for each, the operators of its family that compare its own type.
-- Nobody makes a GIN or GiST index for equality, which some of their classes (trigrams, for one) offer beside the rest.
select o.oid
  from pg_catalog.pg_opclass as o
  join pg_catalog.pg_am as m on m.oid = o.opcmethod
 where not exists (
        select
          from pg_catalog.pg_amop as a
          join pg_catalog.pg_operator as c on c.oid = a.amopopr
          join pg_catalog.pg_proc as p on p.oid = c.oprcode
         where a.amopfamily = o.opcfamily
           and a.amoplefttype = o.opcintype
           and a.amoppurpose = 's'
           and p.proleakproof
           and not (m.amname in ('gin', 'gist') and c.oprname = '=')
       )
 order by o.oid
