-- How many tables and indexes of users have pages: what could be damaged. TOAST counts with its table's.
select (select pg_catalog.count(*) from heaps as h) + (
    select pg_catalog.count(*)
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as c on c.oid = i.indexrelid
    where c.relkind = 'i' and i.indrelid in (select h.oid from heaps as h)
) as total
