-- case: the index is there and the query does not fit it
-- finds: query by-code
-- says: lookups: the plan does not use visit_code, but Seq Scan on public.visit (expectation by-code)
-- policy: [[expect.query]]
-- policy: id = "by-code"
-- policy: group = "lookups"
-- policy: sql = "select * from visit where upper(code) = $1"
-- policy: uses_index = "visit_code"
create table visit (id int primary key, code text);
create index visit_code on visit (code);

-- case: a table of many rows is read from start to end
-- finds: query by-code
-- says: the plan reads public.visit from start to end
-- fix: create index concurrently ix_visit_code on public.visit (code);
-- policy: [[expect.query]]
-- policy: id = "by-code"
-- policy: sql = "select * from visit where code = 'it''s 7;'"
-- policy: no_seq_scan = ["visit"]
create table visit (id int primary key, code text);
insert into visit select n, 'c' || n from generate_series(1, 20000) as n;
analyze visit;

-- case: the index could be used, and the planner takes that for dearer
-- finds: query most
-- says: the plan reads public.visit from start to end; it could be otherwise, but the planner takes that for dearer
-- policy: [[expect.query]]
-- policy: id = "most"
-- policy: sql = "select * from visit where id > 5"
-- policy: no_seq_scan = ["visit"]
create table visit (id int primary key, code text);
insert into visit select n, 'c' || n from generate_series(1, 20000) as n;
analyze visit;

-- case: one partition lacks the index
-- finds: query by-code
-- says: the plan reads public.visit from start to end
-- policy: [[expect.query]]
-- policy: id = "by-code"
-- policy: sql = "select * from public.visit where code = $1"
-- policy: no_seq_scan = ["public.visit"]
create table visit (id int, code text) partition by range (id);
create table visit_1 partition of visit for values from (1) to (10);
create table visit_2 partition of visit for values from (10) to (20);
create index on visit_1 (code);

-- case: what does not exist
-- finds: 4
-- policy: [[expect.query]]
-- policy: id = "no table"
-- policy: sql = "select * from visits"
-- policy: no_seq_scan = ["visits"]
-- policy: [[expect.query]]
-- policy: id = "no column"
-- policy: sql = "select code from visit"
-- policy: uses_index = "visit_pkey"
-- policy: [[expect.query]]
-- policy: id = "no index"
-- policy: sql = "select * from visit where id = 1"
-- policy: uses_index = "visit_id"
-- policy: [[expect.query]]
-- policy: id = "no such table to watch"
-- policy: sql = "select * from visit where id = 1"
-- policy: no_seq_scan = ["visits"]
create table visit (id int primary key);

-- case: the expected index is not there to be used
-- finds: query by-code
-- says: the index that it is to use, the expectation code, is not there to be used
-- policy: [[expect.index]]
-- policy: id = "code"
-- policy: table = "visit"
-- policy: columns = ["code"]
-- policy: [[expect.query]]
-- policy: id = "by-code"
-- policy: sql = "select * from visit where code = $1"
-- policy: uses_index = "code"
create table visit (id int primary key, code text);

-- case: nothing is declared
-- finds: skip
create table visit (id int primary key);

-- case: a plan that reads nothing cannot be judged
-- finds: skip
-- policy: [[expect.query]]
-- policy: id = "never"
-- policy: sql = "select * from visit where false"
-- policy: uses_index = "visit_pkey"
create table visit (id int primary key);

-- case: as declared
-- finds: 0
-- policy: [[expect.query]]
-- policy: id = "by-code"
-- policy: sql = "select * from visit where code = 'c7' -- one"
-- policy: uses_index = "public.visit_code"
-- policy: no_seq_scan = ["visit"]
create table visit (id int primary key, code text);
create index visit_code on visit (code);
insert into visit select n, 'c' || n from generate_series(1, 20000) as n;
analyze visit;

-- case (near miss): an empty table is read from start to end, and the index could be used
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "code"
-- policy: table = "visit"
-- policy: columns = ["code"]
-- policy: match = "prefix"
-- policy: [[expect.query]]
-- policy: id = "by-code"
-- policy: sql = "with found as (select * from visit where code = $2 and id > $1) select * from found;"
-- policy: uses_index = "code"
-- policy: no_seq_scan = ["visit"]
create table visit (id int primary key, code text);
create index whatever on visit (code, id);
analyze visit;

-- case (near miss): each partition by its part of the index
-- finds: 0
-- policy: [[expect.query]]
-- policy: id = "by-code"
-- policy: sql = "select * from visit where code = $1"
-- policy: uses_index = "visit_code"
-- policy: no_seq_scan = ["visit"]
create table visit (id int, code text) partition by range (id);
create table visit_1 partition of visit for values from (1) to (10);
create table visit_2 partition of visit for values from (10) to (20);
create index visit_code on visit (code);

-- case (near miss): another table may be read from start to end
-- finds: 0
-- policy: [[expect.query]]
-- policy: id = "with clinic"
-- policy: sql = "select * from visit cross join clinic where visit.id = $1"
-- policy: no_seq_scan = ["visit"]
create table clinic (id int, name text);
create table visit (id int primary key);
