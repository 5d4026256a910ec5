-- case: the first column alone, and the first two
-- finds: public.visit_short
-- says: visit_short btree (at)
-- says: visit_long btree (at, n)
-- fix: drop index concurrently public.visit_short;
-- severity: info
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at);
create index visit_long on visit (at, n);

-- case: sizes are said
-- finds: public.visit_short
-- says: 8.0 MiB
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at);
create index visit_long on visit (at, n);
update pg_class set relpages = 1024 where oid = 'visit_short'::regclass;

-- case: each of a chain goes in favour of the longest, which stays
-- finds: public.visit_1, public.visit_2
-- says: visit_3 btree (at, n, m)
create table visit (id bigint primary key, at date, n int, m int);
create index visit_2 on visit (at, n);
create index visit_1 on visit (at);
create index visit_3 on visit (at, n, m);

-- case: what it includes, the other one has as a key
-- finds: public.visit_short
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at) include (n);
create index visit_long on visit (at, n);

-- case: the same key, without and with an included column
-- finds: public.visit_short
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at);
create index visit_long on visit (at) include (n);

-- case: an expression with a predicate, written otherwise
-- finds: public.visit_short
create table visit (id bigint primary key, code text, n int, open boolean);
create index visit_short on visit (lower(code)) where open and n > 0;
create index visit_long on visit ((lower( code )), n) where (open AND (n > 0));

-- case: a primary key makes the shorter one unnecessary
-- finds: public.visit_clinic
create table visit (clinic int, number int, primary key (clinic, number));
create index visit_clinic on visit (clinic);

-- case: GIN with the same keys, and more to include, is not a prefix but a duplicate or nothing
-- finds: 0
create table visit (id bigint primary key, tags text[], marks text[]);
create index on visit using gin (tags);
create index on visit using gin (tags, marks);

-- case: partitioned, on the parent only
-- finds: public.visit_short
-- fix: drop index public.visit_short;
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index visit_short on visit (id);
create index visit_long on visit (id, at);

-- case: a partition's own index is the beginning of its part of a partitioned one
-- finds: public.visit_late_own
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index visit_late_own on visit_late (id);
create index visit_long on visit (id, at);

-- case: the copy is a duplicate, what remains of it is redundant
-- finds: public.visit_short
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at);
create index visit_short_copy on visit (at);
create index visit_long on visit (at, n);

-- case: names that need quoting
-- finds: "Über.Klinik"."kurz; drop"
create schema "Über.Klinik";
create table "Über.Klinik"."Be""such" (id bigint primary key, "am Tag" date, "order" int);
create index "kurz; drop" on "Über.Klinik"."Be""such" ("am Tag");
create index "lang" on "Über.Klinik"."Be""such" ("am Tag", "order");

-- case: a longer index will do for an expectation that says so
-- finds: public.visit_short
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: match = "prefix"
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at);
create index visit_long on visit (at, n);

-- case: indexes that begin differently
-- finds: 0
create table visit (id bigint primary key, at date, n int, code text);
create index on visit (at);
create index on visit (n, at);
create index on visit (at desc, n);
create index on visit (at, n) where n > 0;
create index on visit using brin (at, n);
create index on visit (code);
create index on visit (code text_pattern_ops, n);
create index on visit (code collate "POSIX", n);

-- case: an exact copy is for duplicate-index
-- finds: 0
create table visit (id bigint primary key, at date);
create index on visit (at);
create index on visit (at);

-- case (near miss): the shorter one is unique
-- finds: 0
create table visit (id bigint primary key, number int, at date);
create unique index on visit (number);
create index on visit (number, at);

-- case (near miss): the shorter one backs a constraint
-- finds: 0
create table visit (number int primary key, at date, unique (at));
create index on visit (number, at);
create index on visit (at, number);

-- case (near miss): a foreign key refers to the shorter one
-- finds: 0
create table clinic (id int primary key, number int not null, name text);
create unique index clinic_number on clinic (number);
create table visit (id int primary key, number int references clinic (number));
create index on visit (number);
create unique index on clinic (number, name);

-- case (near miss): the table is clustered by the shorter one
-- finds: 0
create table visit (id bigint primary key, at date, n int);
create index visit_at on visit (at);
create index on visit (at, n);
alter table visit cluster on visit_at;

-- case (near miss): the longer one is invalid
-- finds: 0
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at);
create index visit_long on visit (at, n);
update pg_index set indisvalid = false where indexrelid = 'visit_long'::regclass;

-- case (near miss): it includes what the longer one lacks
-- finds: 0
create table visit (id bigint primary key, at date, n int, m int);
create index on visit (at) include (m);
create index on visit (at, n);

-- case (near miss): an expectation wants the shorter one exactly
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at);
create index visit_long on visit (at, n);

-- case (near miss): the longer one is a decoy, and about to go
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "wanted"
-- policy: table = "visit"
-- policy: columns = ["m"]
-- policy: name = "visit_long"
create table visit (id bigint primary key, at date, n int, m int);
create index visit_short on visit (at);
create index visit_long on visit (at, n);

-- case (near miss): parts of a partitioned index, on their own
-- finds: 0
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index on visit (id);
create index on visit_late (id, at);

-- case (near miss): columns 1 and 11
-- finds: 0
create table wide (c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int, c10 int, c11 int);
create index on wide (c1);
create index on wide (c11, c2);

-- case (near miss): a declared query is to use the shorter one
-- finds: 0
-- policy: [[expect.query]]
-- policy: id = "visits"
-- policy: sql = "select id from visit where at = current_date"
-- policy: uses_index = "public.visit_short"
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at);
create index visit_long on visit (at, n);
