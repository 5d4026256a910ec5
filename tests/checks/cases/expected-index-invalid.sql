-- case: there, but invalid
-- finds: public.visit
-- says: is invalid
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_index set indisvalid = false where indexrelid = 'visit_at'::regclass;

-- case: a partitioned index of which a partition lacks its part
-- finds: public.visit
-- says: is invalid
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index on only visit (at);

-- case: nothing is declared
-- finds: skip
create table visit (id bigint primary key);

-- case: there and valid
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);

-- case (near miss): a valid one stands beside the invalid one
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);
update pg_index set indisvalid = false where indexrelid = 'visit_at_1'::regclass;

-- case (near miss): an invalid index that would not satisfy it anyway
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (id bigint primary key, at date, n int);
create index visit_n on visit (n);
update pg_index set indisvalid = false where indexrelid = 'visit_n'::regclass;
