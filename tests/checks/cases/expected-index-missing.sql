-- case: not there
-- finds: public.visit
-- says: no index btree (clinic_id, at desc)
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "public.visit"
-- policy: columns = ["clinic_id", "at desc"]
create table visit (id bigint primary key, clinic_id bigint, at date);

-- case: the table is not there
-- finds: public.visit
-- says: the table public.visit does not exist
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["at"]

-- case: a column is not there
-- finds: public.visit
-- says: has no column happened_at
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["id", "happened_at"]
create table visit (id bigint primary key, at date);

-- case: a column whose name wants double quotes
-- finds: public.visit
-- says: no column ClinicId; a name without double quotes is one in lower case: write '"ClinicId"'
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["ClinicId"]
create table visit (id bigint primary key, "ClinicId" bigint);

-- case: a table whose name wants double quotes
-- finds: public.visit
-- says: does not exist (or belongs to an extension); a name without double quotes is one in lower case
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "Visit"
-- policy: columns = ["id"]
create table "Visit" (id bigint primary key);

-- case: a view can have none
-- finds: public.looking
-- says: is not a table
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "looking"
-- policy: columns = ["id"]
create table visit (id bigint primary key);
create view looking as select id from visit;

-- case: there, but not unique
-- finds: public.visit
-- says: it is not unique
-- policy: [[expect.index]]
-- policy: id = "number"
-- policy: table = "visit"
-- policy: columns = ["number"]
-- policy: unique = true
create table visit (id bigint primary key, number int);
create index on visit (number);

-- case: a longer unique index does not keep the shorter key unique
-- finds: public.visit
-- policy: [[expect.index]]
-- policy: id = "number"
-- policy: table = "visit"
-- policy: columns = ["number"]
-- policy: unique = true
-- policy: match = "prefix"
create table visit (id bigint primary key, number int, part int);
create unique index on visit (number, part);

-- case: only on one of two partitions
-- finds: public.visit
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (at date) partition by range (at);
create table visit_early partition of visit for values from ('2020-01-01') to ('2024-01-01');
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index on visit_late (at);

-- case: nothing is declared
-- finds: skip
create table visit (id bigint primary key);

-- case: there, whatever it is called
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["clinic_id", "at desc"]
-- policy: name = "visit_recent"
-- policy: [[expect.index]]
-- policy: id = "key"
-- policy: table = "visit"
-- policy: columns = ["id"]
-- policy: unique = true
create table visit (id bigint primary key, clinic_id bigint, at date);
create index some_other_name on visit (clinic_id, at desc);

-- case (near miss): exact wants no longer index
-- finds: public.visit
-- says: it has 2 keys, not 1
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (id bigint primary key, at date, n int);
create index on visit (at, n);

-- case (near miss): prefix is content with a longer one
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: match = "prefix"
create table visit (id bigint primary key, at date, n int);
create index on visit (at, n);

-- case (near miss): columns in another order are another index
-- finds: public.visit
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["clinic_id", "at"]
create table visit (id bigint primary key, at date, clinic_id bigint);
create index on visit (at, clinic_id);

-- case (near miss): read from the other end it is the same index
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["clinic_id", "at desc"]
create table visit (id bigint primary key, at date, clinic_id bigint);
create index on visit (clinic_id desc, at);

-- case (near miss): but one key turned round is not
-- finds: public.visit
-- says: it is in another order
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["clinic_id", "at desc"]
create table visit (id bigint primary key, at date, clinic_id bigint);
create index on visit (clinic_id, at);

-- case (near miss): expressions and predicates as people write them
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "mail"
-- policy: table = "visit"
-- policy: columns = ["lower(mail)"]
-- policy: where = "state in ('open', 'held') and not hidden and at between '2020-01-01' and '2020-12-31'"
-- policy: [[expect.index]]
-- policy: id = "state"
-- policy: table = "visit"
-- policy: columns = ["state"]
-- policy: where = "STATE != 'closed'"
create table visit (id bigint primary key, mail varchar(80), state varchar(9), hidden boolean, at date);
create index on visit (lower(mail))
    where at >= '2020-01-01' and at <= '2020-12-31' and (hidden = false) and state = any (array['held', 'open']);
create index on visit (state) where state <> 'closed';

-- case (near miss): another predicate is another index
-- finds: public.visit
-- says: it holds only rows where
-- policy: [[expect.index]]
-- policy: id = "state"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: where = "state <> 'closed'"
create table visit (id bigint primary key, state text, at date);
create index on visit (at) where state <> 'shut';

-- case (near miss): a partial index does not stand for a whole one, nor the other way round
-- finds: 2
-- policy: [[expect.index]]
-- policy: id = "whole"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: [[expect.index]]
-- policy: id = "part"
-- policy: table = "visit"
-- policy: columns = ["state"]
-- policy: where = "at is not null"
create table visit (id bigint primary key, state text, at date);
create index on visit (at) where state = 'open';
create index on visit (state);

-- case (near miss): more included columns will do, fewer will not
-- finds: 1
-- says: it does not include state
-- policy: [[expect.index]]
-- policy: id = "more"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: include = ["n"]
-- policy: [[expect.index]]
-- policy: id = "fewer"
-- policy: table = "visit"
-- policy: columns = ["n"]
-- policy: include = ["state"]
create table visit (id bigint primary key, state text, at date, n int);
create index on visit (at) include (state, n);
create index on visit (n) include (at);

-- case (near miss): an operator class that was not asked for
-- finds: 1
-- policy: [[expect.index]]
-- policy: id = "default"
-- policy: table = "visit"
-- policy: columns = ["state"]
-- policy: [[expect.index]]
-- policy: id = "pattern"
-- policy: table = "visit"
-- policy: columns = ["state text_pattern_ops"]
create table visit (id bigint primary key, state text);
create index on visit (state text_pattern_ops);

-- case (near miss): another method
-- finds: 1
-- policy: [[expect.index]]
-- policy: id = "tree"
-- policy: table = "visit"
-- policy: columns = ["tags"]
-- policy: [[expect.index]]
-- policy: id = "inverted"
-- policy: table = "visit"
-- policy: columns = ["tags"]
-- policy: method = "gin"
create table visit (id bigint primary key, tags text[]);
create index on visit using gin (tags);

-- case (near miss): a partitioned index, all parts attached
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
create table visit (at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index on visit (at);

-- case: names that need quoting
-- finds: "Über.Klinik"."Be""such"
-- policy: [[expect.index]]
-- policy: id = "quoted"
-- policy: table = '"Über.Klinik"."Be""such"'
-- policy: columns = ['"am Tag" desc', '"order"']
create schema "Über.Klinik";
create table "Über.Klinik"."Be""such" (id bigint primary key, "am Tag" date, "order" int);

-- case: a column in an expression is not there
-- finds: public.visit
-- says: public.visit has no column nope
-- policy: [[expect.index]]
-- policy: id = "recent"
-- policy: table = "visit"
-- policy: columns = ["id", "lower(nope)"]
create table visit (id bigint primary key, at date);

-- case: a column in a predicate wants double quotes
-- finds: public.visit
-- says: no column "statü😀"; a name without double quotes is one in lower case: write '"Statü😀"'
-- policy: [[expect.index]]
-- policy: id = "open"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- policy: where = "Statü😀 <> 'closed' and at is not null"
create table visit (id bigint primary key, at date, "Statü😀" text);

-- case (near miss): whole rows, named arguments and normal forms are no columns that lack
-- finds: 3
-- says: no index btree
-- policy: [[expect.index]]
-- policy: id = "row"
-- policy: table = "visit"
-- policy: columns = ["id"]
-- policy: where = "visit is not null"
-- policy: [[expect.index]]
-- policy: id = "day"
-- policy: table = "visit"
-- policy: columns = ["make_date(year => y, month => 1, day => 1)"]
-- policy: [[expect.index]]
-- policy: id = "form"
-- policy: table = "visit"
-- policy: columns = ["normalize(name, nfc)"]
create table visit (id bigint primary key, y int, name text);

-- case (near miss): collations with a schema, a dot or an emoji in their names
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "schema"
-- policy: table = "visit"
-- policy: columns = ["a collate pg_catalog.\"C\""]
-- policy: [[expect.index]]
-- policy: id = "dot"
-- policy: table = "visit"
-- policy: columns = ["b collate \"nä.utf8\" desc"]
-- policy: [[expect.index]]
-- policy: id = "emoji"
-- policy: table = "visit"
-- policy: columns = ["lower(a) collate 😀coll text_pattern_ops"]
create table visit (id bigint primary key, a text, b text);
create collation "nä.utf8" from "C";
create collation 😀coll from "C";
create index on visit (a collate "C");
create index on visit (b collate "nä.utf8" desc);
create index on visit (lower(a) collate 😀coll text_pattern_ops);

-- case (near miss): blanks and digits beyond ASCII are letters of a name
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "blank"
-- policy: table = "\u00a0visit"
-- policy: columns = ["\u00a0at desc", "٣x + 1"]
-- policy: where = "\u00a0at > 3 and ٣x < 4"
create table  visit (id int,  at int, ٣x int);
create index on  visit ( at desc, (٣x + 1)) where  at > 3 and ٣x < 4;
