-- Operator classes of index methods. `default_alike`: behaves as the default of its type, being it or of its family.
select o.oid
     , n.nspname as schema
     , o.opcname as name
     , m.amname as method
     , o.opcfamily as family
     , o.opcintype as input_type
     , o.opcdefault as is_default
     , exists (
            select
              from pg_catalog.pg_opclass as d
             where d.opcfamily = o.opcfamily
               and d.opcintype = o.opcintype
               and d.opcdefault
       ) as default_alike
  from pg_catalog.pg_opclass as o
  join pg_catalog.pg_namespace as n on n.oid = o.opcnamespace
  join pg_catalog.pg_am as m on m.oid = o.opcmethod
 order by n.nspname, m.amname, o.opcname, o.oid
