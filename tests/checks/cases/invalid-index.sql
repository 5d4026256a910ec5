-- case: left behind by a cancelled build
-- finds: public.visit_at
-- says: build it anew
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_index set indisvalid = false where indexrelid = 'visit_at'::regclass;

-- case: a valid one does the same, so this one goes
-- finds: public.visit_at_2
-- says: visit_at_1 does the same: drop it
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);
update pg_index set indisvalid = false where indexrelid = 'visit_at_2'::regclass;

-- case: leftovers of REINDEX CONCURRENTLY
-- finds: public.visit_at_ccnew, public.visit_at_ccold1
-- says: a leftover of REINDEX CONCURRENTLY: drop it
create table visit (id bigint primary key, at date, n int);
create index visit_at_ccnew on visit (at, n);
create index visit_at_ccold1 on visit (n, at);
update pg_index set indisvalid = false where indexrelid in ('visit_at_ccnew'::regclass, 'visit_at_ccold1'::regclass);

-- case: a constraint stands on it
-- finds: public.visit_number_key
-- says: it backs the constraint visit_number_key
-- severity: error
create table visit (id bigint primary key, number int unique);
update pg_index set indisvalid = false where indexrelid = 'visit_number_key'::regclass;

-- case: half dropped
-- finds: public.visit_at
-- says: drop it
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_index set indisvalid = false, indisready = false, indislive = false where indexrelid = 'visit_at'::regclass;

-- case: not ready
-- finds: public.visit_at
-- says: is not ready
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_index set indisvalid = false, indisready = false where indexrelid = 'visit_at'::regclass;

-- case: two leftovers of one structure are two findings
-- finds: 2
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);
update pg_index set indisvalid = false where indexrelid in ('visit_at_1'::regclass, 'visit_at_2'::regclass);

-- case: everything is valid
-- finds: 0
create table visit (id bigint primary key, at date);
create index visit_at_ccnew on visit (at);

-- case (near miss): a plain valid index is no twin of an invalid unique one
-- finds: public.visit_number
-- says: build it anew
create table visit (id bigint primary key, number int);
create index on visit (number);
create unique index visit_number on visit (number);
update pg_index set indisvalid = false where indexrelid = 'visit_number'::regclass;

-- case (near miss): a partitioned index without all its parts is incomplete, not broken
-- finds: 0
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index on only visit (id);

-- case (near miss): an expectation waits for it, and reports it
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_index set indisvalid = false where indexrelid = 'visit_at'::regclass;

-- case: two of one structure: one is built anew, the other one dropped
-- finds: public.visit_at_1, public.visit_at_2
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);
update pg_index set indisvalid = false where indexrelid in ('visit_at_1'::regclass, 'visit_at_2'::regclass);

-- case: it would only be the beginning of another, so it goes
-- finds: public.visit_at
-- says: visit_at_n does the same: drop it
-- fix: drop index concurrently public.visit_at;
create table visit (id bigint primary key, at date, n int);
create index visit_at on visit (at);
create index visit_at_n on visit (at, n);
update pg_index set indisvalid = false where indexrelid = 'visit_at'::regclass;

-- case: an expectation waits for the one, the other one goes
-- finds: public.visit_at_2
-- says: visit_at_1 is to do the same: drop it
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);
update pg_index set indisvalid = false where indexrelid in ('visit_at_1'::regclass, 'visit_at_2'::regclass);

-- case (near miss): an invalid part is mended with the partitioned index it belongs to
-- finds: 0
-- server: 14
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create index visit_clinic on only visit (clinic);
create index visit_1_clinic on visit_1 (clinic);
update pg_index set indisvalid = false where indexrelid = 'visit_1_clinic'::regclass;
alter index visit_clinic attach partition visit_1_clinic;
