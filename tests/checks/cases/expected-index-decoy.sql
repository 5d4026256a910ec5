-- case: the name over other columns
-- finds: public.visit
-- says: visit_recent exists with another definition: have btree (at)
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["clinic_id", "at desc"]
-- policy: name = "visit_recent"
create table visit (id bigint primary key, clinic_id bigint, at date);
create index visit_recent on visit (at);

-- case: the name on another table
-- finds: public.visit
-- says: visit_recent exists on public.other
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: name = "visit_recent"
create table visit (id bigint primary key, at date);
create table other (id bigint primary key, at date);
create index visit_recent on other (at);

-- case: the name of a table
-- finds: public.visit
-- says: visit_recent is the name of a table
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: name = "visit_recent"
create table visit (id bigint primary key, at date);
create table visit_recent (id bigint primary key);

-- case: a foreign key stands on the decoy, which is renamed, not dropped
-- finds: public.visit
-- fix: rename to visit_recent_decoy
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: name = "visit_recent"
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic, at date);
create index visit_recent on visit (clinic_id);

-- case: nothing is declared
-- finds: skip
create table visit (id bigint primary key);

-- case: the name and the thing
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: name = "visit_recent"
create table visit (id bigint primary key, at date);
create index visit_recent on visit (at);

-- case (near miss): another index satisfies it, so the name does no harm
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: name = "visit_recent"
create table visit (id bigint primary key, at date, n int);
create index visit_recent on visit (n);
create index visit_by_day on visit (at);

-- case (near miss): the name in another schema
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: name = "visit_recent"
create schema elsewhere;
create table elsewhere.visit (id bigint primary key, at date);
create index visit_recent on elsewhere.visit (id, at);
create table visit (id bigint primary key, at date);

-- case (near miss): no name is declared
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (id bigint primary key, at date, n int);
create index recent on visit (n);
