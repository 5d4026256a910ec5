-- What is in the large objects, whatever the pages it is kept in: a sum over their pages and another over their sizes.
-- A page that is short, or missing between others, reads as zeros; a restore writes those zeros out.
-- `bucket` null: all of them; else those whose number leaves that rest by a hundred.
-- Takes SELECT on pg_largeobject: pg_read_all_data has it.
with pages as not materialized (
    select
        l.loid,
        l.pageno,
        pg_catalog.octet_length(l.data) as bytes,
        l.data || pg_catalog.decode(
            pg_catalog.repeat('00', b.size - pg_catalog.octet_length(l.data)), 'hex'
        ) as data,
        b.size
    from pg_catalog.pg_largeobject as l
    cross join (select pg_catalog.current_setting('block_size')::integer / 4 as size) as b
    where %(bucket)s::integer is null or l.loid::bigint %% 100 = %(bucket)s::integer
),
hashes as (
    select pg_catalog.md5(
        pg_catalog.int8send(p.loid::bigint) || pg_catalog.int4send(p.pageno) || p.data
    ) as h
    from pages as p
    where p.data <> pg_catalog.decode(pg_catalog.repeat('00', p.size), 'hex')
    union all
    select pg_catalog.md5(s.loid::text || ':' || s.bytes::text)
    from (
        select p.loid, pg_catalog.max(p.pageno::bigint * p.size + p.bytes) as bytes from pages as p group by p.loid
    ) as s
)
select
    (
        select pg_catalog.count(*) from pg_catalog.pg_largeobject_metadata as o
        where %(bucket)s::integer is null or o.oid::bigint %% 100 = %(bucket)s::integer
    ) as checked,
    pg_catalog.current_setting('block_size')::integer / 4 as page_bytes,
    coalesce(pg_catalog.sum(('x' || pg_catalog.left(t.h, 16))::pg_catalog.bit(64)::bigint), 0) as high,
    coalesce(pg_catalog.sum(('x' || pg_catalog.right(t.h, 16))::pg_catalog.bit(64)::bigint), 0) as low
from hashes as t
