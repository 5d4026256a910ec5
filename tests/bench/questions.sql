-- One statement a question, each as one would write it by hand. They take the catalog as it comes: an index covers a
-- foreign key when it begins with its columns, whatever it leaves out, and two indexes are the same when their columns
-- and operator classes are.

-- Foreign keys without an index.
select k.conrelid::regclass, k.conname
  from pg_constraint as k
  join pg_class as c on c.oid = k.conrelid
  join pg_namespace as n on n.oid = c.relnamespace
 where k.contype = 'f'
   and n.nspname not in ('pg_catalog', 'information_schema')
   and not exists (
        select
          from pg_index as i
         where i.indrelid = k.conrelid
           and (i.indkey::int2[])[0 : cardinality(k.conkey) - 1] operator(pg_catalog.@>) k.conkey
       );

-- Indexes that are the same.
select i.indrelid::regclass, array_agg(i.indexrelid::regclass order by i.indexrelid)
  from pg_index as i
  join pg_class as c on c.oid = i.indrelid
  join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
 group by i.indrelid, i.indkey, i.indclass, i.indoption, coalesce(pg_get_expr(i.indpred, i.indrelid), ''),
       coalesce(pg_get_expr(i.indexprs, i.indrelid), '')
having count(*) > 1;

-- Invalid indexes.
select i.indexrelid::regclass, pg_get_indexdef(i.indexrelid)
  from pg_index as i
 where not i.indisvalid;

-- Tables without a primary key.
select c.oid::regclass
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p')
   and n.nspname not in ('pg_catalog', 'information_schema')
   and not exists (select from pg_constraint as k where k.conrelid = c.oid and k.contype = 'p');
