-- case: restored and never analyzed
-- finds: public.visit
-- says: was never analyzed, and holds about 5,000 rows
-- severity: warning
-- fix: analyze public.visit;
create table visit (id bigint, at date);
update pg_class set reltuples = 5000 where oid = 'visit'::regclass;

-- case: a partitioned table was never analyzed as a whole
-- finds: public.visit
-- says: as a whole, with about 5,000 rows
create table visit (id bigint, at date) partition by range (at);
create table visit_early partition of visit for values from ('2020-01-01') to ('2024-01-01');
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
insert into visit select i, date '2023-12-31' + i % 2 from generate_series(1, 5000) as i;
analyze visit_early, visit_late;

-- case: analyzed, as a whole too
-- finds: 0
create table person (id bigint primary key);
insert into person select generate_series(1, 5000);
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
insert into visit select i, '2024-01-01' from generate_series(1, 5000) as i;
analyze person, visit;

-- case (near miss): a small table, an empty one, an empty partitioned one
-- finds: 0
create table person (id bigint);
update pg_class set reltuples = 900 where oid = 'person'::regclass;
create table nobody (id bigint);
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
