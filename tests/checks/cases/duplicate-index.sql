-- case: the same index twice
-- finds: public.visit
-- says: repeats
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);

-- case: three times is one finding
-- finds: 1
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);
create index visit_at_3 on visit (at);

-- case: the same expression and predicate, written otherwise
-- finds: public.visit
create table visit (id bigint primary key, code text, open boolean);
create index on visit (lower(code)) where open and code is not null;
create index on visit ( (lower( code )) ) where (open AND (code IS NOT NULL));

-- case: a plain index repeats a unique constraint, and is the one to go
-- finds: public.visit
-- says: a_plain repeats visit_number_key
create table visit (id bigint primary key, number int unique);
create index a_plain on visit (number);

-- case: of two plain unique indexes one is surplus
-- finds: public.visit
create table visit (id bigint primary key, number int);
create unique index visit_number_1 on visit (number);
create unique index visit_number_2 on visit (number);

-- case: the replica identity stays
-- finds: public.visit
-- says: a_plain repeats visit_number
create table visit (number int not null);
create unique index visit_number on visit (number);
create index a_plain on visit (number);
alter table visit replica identity using index visit_number;

-- case: the index that the table is clustered by stays
-- finds: public.visit
-- says: a_plain repeats visit_at
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
create index a_plain on visit (at);
alter table visit cluster on visit_at;

-- case: the same included columns in another order
-- finds: public.visit
create table visit (id bigint primary key, at date, a int, b int);
create index on visit (at) include (a, b);
create index on visit (at) include (b, a);

-- case: storage parameters make no other index
-- finds: public.visit
create table visit (id bigint primary key, at date);
create index on visit (at);
create index on visit (at) with (fillfactor = 70);

-- case: two operator classes of one family compare alike
-- finds: public.visit
create table visit (id bigint primary key, code varchar(20));
create index on visit (code);
create index on visit (code varchar_ops);

-- case: partitioned, on the parent only
-- finds: public.visit
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index visit_id_1 on visit (id);
create index visit_id_2 on visit (id);

-- case: a partition's own index repeats its part of a partitioned one
-- finds: public.visit_late
-- says: visit_late_own repeats
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index visit_late_own on visit_late (id);
create index on only visit (id);
create index visit_late_part on visit_late (id);
alter index visit_id_idx attach partition visit_late_part;

-- case: GIN twice
-- finds: public.visit
create table visit (id bigint primary key, tags text[]);
create index on visit using gin (tags);
create index on visit using gin (tags);

-- case: different things about the same column
-- finds: 0
create table visit (id bigint primary key, at date, code text, n int);
create index on visit (at);
create index on visit (at desc nulls last);
create index on visit using hash (at);
create index on visit using brin (at);
create index on visit (at) where n > 0;
create index on visit (at) where n > 1;
create index on visit (at) include (n);
create index on visit (at, n);
create index on visit (code);
create index on visit (code text_pattern_ops);
create index on visit (code collate "POSIX");

-- case (near miss): direction of one key differs
-- finds: 0
create table visit (id bigint primary key, at date, n int);
create index on visit (at, n);
create index on visit (at, n desc);

-- case (near miss): two constraints over the same column, neither is the audit's to drop
-- finds: 0
create table visit (number int constraint one primary key, constraint two unique (number));

-- case (near miss): a foreign key relies on the second unique index
-- finds: 0
create table clinic (number int not null);
create unique index two on clinic (number);
create table child (number int primary key references clinic (number));
alter table clinic add constraint one unique (number);

-- case (near miss): a unique index that refuses at once is not repeated by a deferrable constraint
-- finds: 0
create table visit (id bigint primary key, number int unique deferrable initially deferred);
create unique index on visit (number);

-- case (near miss): an invalid index repeats nothing
-- finds: 0
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);
update pg_index set indisvalid = false where indexrelid = 'visit_at_2'::regclass;

-- case (near miss): columns 1 and 11
-- finds: 0
create table wide (c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int, c10 int, c11 int);
create index on wide (c1);
create index on wide (c11);
create index on wide (c1, c1);
create index on wide (c1) include (c1);

-- case (near miss): nulls distinct or not
-- finds: 0
-- server: 15
create table visit (id bigint primary key, number int);
create unique index on visit (number);
create unique index on visit (number) nulls not distinct;

-- case: one plain index repeats both of two unique ones that differ in nulls
-- finds: public.visit
-- says: a_plain repeats
-- server: 15
create table visit (id bigint primary key, number int);
create unique index on visit (number);
create unique index on visit (number) nulls not distinct;
create index a_plain on visit (number);

-- case (near miss): operator class parameters differ
-- finds: 0
create table visit (id bigint primary key, words tsvector);
create index on visit using gist (words tsvector_ops (siglen = 32));
create index on visit using gist (words tsvector_ops (siglen = 64));

-- case: like tables in two schemas are two tables
-- finds: 0
create schema one;
create table one.visit (id bigint primary key, at date);
create index visit_at on one.visit (at);
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);

-- case: the one that a declared query is to use stays
-- finds: public.visit
-- says: visit_at_1 repeats visit_at_2
-- policy: [[expect.query]]
-- policy: id = "visits"
-- policy: sql = "select id from visit where at = current_date"
-- policy: uses_index = "visit_at_2"
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);
