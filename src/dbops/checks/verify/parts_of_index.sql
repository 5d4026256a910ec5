select t.relid::pg_catalog.regclass as partition, p.indexrelid::pg_catalog.regclass as part, p.indisvalid as valid
  from pg_catalog.pg_index as i
 cross join pg_catalog.pg_partition_tree(i.indrelid) as t
  left join (
        pg_catalog.pg_partition_tree(:'object'::pg_catalog.regclass) as x
        join pg_catalog.pg_index as p on p.indexrelid = x.relid
       ) on p.indrelid = t.relid
 where i.indexrelid = :'object'::pg_catalog.regclass
 order by t.level, t.relid::pg_catalog.regclass::pg_catalog.text;
