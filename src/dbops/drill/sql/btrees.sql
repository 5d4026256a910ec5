-- Every B-tree that pg_amcheck looks into, and how much has to be read to look for each row in it.
select
    n.nspname::pg_catalog.text as schema,
    c.relname::pg_catalog.text as name,
    pg_catalog.pg_relation_size(i.indrelid) + pg_catalog.pg_relation_size(i.indexrelid) as bytes
from pg_catalog.pg_index as i
join heaps as h on h.oid = i.indrelid
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_am as a on a.oid = c.relam
where c.relkind = 'i'
    and a.amname = 'btree'
    and i.indisvalid
order by n.nspname collate "C", c.relname collate "C"
