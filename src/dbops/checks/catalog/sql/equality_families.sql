-- For each operator by which a foreign key compares, the operator families in which it (or, since the look-up stands on
-- the other side, its commutator) is a member: what an index on the referencing columns must have to serve it.
select o.oid as operator
     , pg_catalog.array_agg(distinct a.amopfamily)::pg_catalog.text as families
  from pg_catalog.pg_operator as o
  join pg_catalog.pg_amop as a on a.amopopr in (o.oid, o.oprcom) and a.amoppurpose = 's'
 where o.oid in (
        select pg_catalog.unnest(k.conpfeqop)
          from pg_catalog.pg_constraint as k
         where k.contype = 'f'
       )
 group by o.oid
 order by o.oid
