-- case: twice the pages that its rows fill
-- finds: public.visit
-- says: should take
-- severity: info
-- fix: vacuum (full, analyze) public.visit;
create table visit (id bigint primary key, at timestamptz, note text);
insert into visit select i, now(), repeat('x', 60) from generate_series(1, 500) as i;
analyze visit;
update pg_class set relpages = 30000, reltuples = 1000000 where oid = 'visit'::regclass;

-- case: two gigabytes, nearly empty
-- finds: public.visit
-- severity: warning
create table visit (id bigint primary key, note text);
insert into visit select i, repeat('x', 60) from generate_series(1, 500) as i;
analyze visit;
update pg_class set relpages = 262144, reltuples = 1000000 where oid = 'visit'::regclass;

-- case: emptied, and never given back
-- finds: public.visit
create table visit (id bigint primary key);
analyze visit;
update pg_class set relpages = 20000, reltuples = 0 where oid = 'visit'::regclass;

-- case: columns were dropped, so it is told as less than certain
-- finds: public.visit
-- says: the values of dropped columns count as empty room
-- severity: info
create table visit (id bigint primary key, gone text, note text);
insert into visit select i, 'x', repeat('x', 60) from generate_series(1, 500) as i;
alter table visit drop column gone;
analyze visit;
update pg_class set relpages = 262144, reltuples = 1000000 where oid = 'visit'::regclass;

-- case: never analyzed
-- finds: skip
create table visit (id bigint primary key);
update pg_class set relpages = 20000, reltuples = 100000 where oid = 'visit'::regclass;

-- case: as full as can be
-- finds: 0
create table visit (id bigint primary key, at timestamptz, note text);
insert into visit select i, now(), repeat('x', 60) from generate_series(1, 500) as i;
analyze visit;
update pg_class set relpages = 13000, reltuples = 1000000 where oid = 'visit'::regclass;

-- case (near miss): a fillfactor of half wants twice the pages
-- finds: 0
create table visit (id bigint primary key, at timestamptz, note text) with (fillfactor = 50);
insert into visit select i, now(), repeat('x', 60) from generate_series(1, 500) as i;
analyze visit;
update pg_class set relpages = 26000, reltuples = 1000000 where oid = 'visit'::regclass;

-- case (near miss): a byte before each long number costs eight
-- finds: 0
create table visit (a bool, b bigint, c bool, d bigint, e bool, f bigint, g bool, h bigint);
insert into visit select true, i, true, i, true, i, true, i from generate_series(1, 500) as i;
analyze visit;
update pg_class set relpages = 11300, reltuples = 1000000 where oid = 'visit'::regclass;

-- case (near miss): a small table, however empty
-- finds: 0
create table visit (id bigint primary key);
insert into visit select generate_series(1, 500);
analyze visit;
update pg_class set relpages = 8000 where oid = 'visit'::regclass;
