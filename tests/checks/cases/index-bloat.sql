-- case: ten times the pages it needs
-- finds: public.visit_n
-- says: about 17.8 MiB of 19.5 MiB is air (90 %
-- fix: reindex index concurrently public.visit_n;
-- severity: info
create table visit (id bigint primary key, n int);
insert into visit select n, n from generate_series(1, 1000) as n;
create index visit_n on visit (n);
analyze visit;
update pg_class set relpages = 2500, reltuples = 81000 where oid = 'visit_n'::regclass;

-- case: more than a gigabyte of it is a warning
-- finds: public.visit_n
-- severity: warning
create table visit (id bigint primary key, n int);
insert into visit select n, n from generate_series(1, 1000) as n;
create index visit_n on visit (n);
analyze visit;
update pg_class set relpages = 250000, reltuples = 81000 where oid = 'visit_n'::regclass;

-- case: texts, nulls, an expression and an included column have their widths too
-- finds: public.visit_code
create table visit (id bigint primary key, code text, n int);
insert into visit select n, repeat('x', 100), nullif(n % 2, 0) from generate_series(1, 1000) as n;
create index visit_code on visit (code, (n + 1)) include (n);
analyze visit;
update pg_class set relpages = 2500, reltuples = 60000 where oid = 'visit_code'::regclass;

-- case (near miss): the same pages, with texts that need more than half of them
-- finds: 0
create table visit (id bigint primary key, code text, n int);
insert into visit select n, repeat('x', 100), nullif(n % 2, 0) from generate_series(1, 1000) as n;
create index visit_code on visit (code, (n + 1)) include (n);
analyze visit;
update pg_class set relpages = 2500, reltuples = 85000 where oid = 'visit_code'::regclass;

-- case: as full as it should be
-- finds: 0
create table visit (id bigint primary key, n int);
insert into visit select n, n from generate_series(1, 1000) as n;
create index visit_n on visit (n);
analyze visit;
update pg_class set relpages = 2500, reltuples = 900000 where oid = 'visit_n'::regclass;

-- case (near miss): two thirds full, as random inserts leave it
-- finds: 0
create table visit (id bigint primary key, n int);
insert into visit select n, n from generate_series(1, 1000) as n;
create index visit_n on visit (n);
analyze visit;
update pg_class set relpages = 2500, reltuples = 600000 where oid = 'visit_n'::regclass;

-- case (near miss): its fill factor leaves it half empty
-- finds: 0
create table visit (id bigint primary key, n int);
insert into visit select n, n from generate_series(1, 1000) as n;
create index visit_n on visit (n) with (fillfactor = 40);
analyze visit;
update pg_class set relpages = 2500, reltuples = 220000 where oid = 'visit_n'::regclass;

-- case (near miss): less than 10 MiB
-- finds: 0
create table visit (id bigint primary key, n int);
insert into visit select n, n from generate_series(1, 1000) as n;
create index visit_n on visit (n);
analyze visit;
update pg_class set relpages = 1279, reltuples = 1000 where oid = 'visit_n'::regclass;

-- case (near miss): invalid, so another rule's
-- finds: 0
create table visit (id bigint primary key, n int);
insert into visit select n, n from generate_series(1, 1000) as n;
create index visit_n on visit (n);
analyze visit;
update pg_class set relpages = 2500, reltuples = 1000 where oid = 'visit_n'::regclass;
update pg_index set indisvalid = false where indexrelid = 'visit_n'::regclass;

-- case: nothing is known about the columns of any
-- finds: skip
create table visit (id bigint primary key, n int);
create index visit_n on visit (n);
update pg_class set relpages = 2500, reltuples = 1000 where oid = 'visit_n'::regclass;
