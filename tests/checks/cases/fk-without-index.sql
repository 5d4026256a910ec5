-- case: nothing leads with the column
-- finds: public.visit
-- says: no index begins with them
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);

-- case: a partial index on something else than the column is no cover
-- finds: public.visit
-- says: holds only rows where
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic, removed_at date);
create index on visit (clinic_id) where removed_at is null;

-- case: half of a two-column key leads
-- finds: public.visit
-- says: begins with 1 of the 2 columns
create table room (clinic_id bigint, number int, primary key (clinic_id, number));
create table visit (id bigint primary key, clinic_id bigint, number int, foreign key (clinic_id, number) references room);
create index on visit (number);

-- case: another column stands between
-- finds: public.visit
-- says: the rest comes after a gap
create table room (clinic_id bigint, number int, primary key (clinic_id, number));
create table visit (id bigint primary key, clinic_id bigint, number int, at date,
    foreign key (clinic_id, number) references room);
create index on visit (clinic_id, at, number);

-- case: the column is only carried along
-- finds: public.visit
-- says: only in the INCLUDE
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic, at date);
create index on visit (at) include (clinic_id);

-- case: an invalid index is no cover, and is what to mend
-- finds: public.visit
-- says: is invalid
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
create index visit_clinic on visit (clinic_id);
update pg_index set indisvalid = false where indexrelid = 'visit_clinic'::regclass;

-- case: BRIN and GIN find no single row
-- finds: public.visit
-- says: does not find single rows
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
create index on visit using brin (clinic_id);

-- case: an expression over the column is not the column
-- finds: public.visit
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
create index on visit ((clinic_id + 0));

-- case: an index under another collation cannot serve the key's equality
-- finds: public.visit
-- says: operator class or collation
create table clinic (code text primary key);
create table visit (id bigint primary key, clinic_code text references clinic);
create index on visit (clinic_code collate "C");

-- case: a partitioned foreign key is reported once, on the parent
-- finds: public.visit
create table clinic (id bigint primary key);
create table visit (clinic_id bigint references clinic, at date) partition by range (at);
create table visit_early partition of visit for values from ('2020-01-01') to ('2024-01-01');
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');

-- case: one partition without cover leaves the whole uncovered
-- finds: public.visit
-- says: 1 of 2 partitions
create table clinic (id bigint primary key);
create table visit (clinic_id bigint references clinic, at date) partition by range (at);
create table visit_early partition of visit for values from ('2020-01-01') to ('2024-01-01');
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index on visit_late (clinic_id);

-- case: two foreign keys over the same columns want one index
-- finds: public.visit
-- says: and
create table person (id bigint primary key);
create table patient (id bigint primary key references person);
create table visit (id bigint primary key, who bigint references person references patient);

-- case: a table that refers to itself
-- finds: public.ward
create table ward (id bigint primary key, part_of bigint references ward);

-- case: a foreign key that a partition has for itself
-- finds: public.visit_late
create table clinic (id bigint primary key);
create table visit (clinic_id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
alter table visit_late add foreign key (clinic_id) references clinic;

-- case: a foreign key not yet validated looks rows up all the same
-- finds: public.visit
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint);
alter table visit add foreign key (clinic_id) references clinic not valid;

-- case: covered by a plain index, by a longer one, by the primary key
-- finds: 0
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
create index on visit (clinic_id);
create table bed (clinic_id bigint references clinic, number int, primary key (clinic_id, number));
create table staff (id bigint, clinic_id bigint references clinic, name text);
create index on staff (clinic_id, name) include (id);

-- case (near miss): the columns in another order cover as well
-- finds: 0
create table room (clinic_id bigint, number int, primary key (clinic_id, number));
create table visit (id bigint primary key, clinic_id bigint, number int, foreign key (clinic_id, number) references room);
create index on visit (number desc, clinic_id);

-- case (near miss): a partial index that leaves out only nulls covers
-- finds: 0
create table room (clinic_id bigint, number int, primary key (clinic_id, number));
create table visit (id bigint primary key, clinic_id bigint, number int, open boolean,
    foreign key (clinic_id, number) references room);
create index on visit (clinic_id, number) where number is not null and clinic_id is not null;
create table note (id bigint primary key, clinic_id bigint, number int, open boolean,
    foreign key (clinic_id, number) references room);
create index on note (clinic_id, number) where open or clinic_id is not null;

-- case (near miss): a partial index over one column's nulls and something else does not
-- finds: public.visit
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic, open boolean);
create index on visit (clinic_id) where clinic_id is not null and open;

-- case (near miss): hash covers one column, not two
-- finds: public.visit
create table clinic (id bigint primary key);
create table staff (id bigint primary key, clinic_id bigint references clinic);
create index on staff using hash (clinic_id);
create table room (clinic_id bigint, number int, primary key (clinic_id, number));
create table visit (id bigint primary key, clinic_id bigint, number int, foreign key (clinic_id, number) references room);
create index on visit using hash (clinic_id);

-- case (near miss): text_pattern_ops has the same equality, so it covers
-- finds: 0
create table clinic (code text primary key);
create table visit (id bigint primary key, clinic_code varchar(20) references clinic);
create index on visit (clinic_code text_pattern_ops);

-- case (near miss): a key of another integer type is served by the same family
-- finds: 0
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id int references clinic);
create index on visit (clinic_id);

-- case (near miss): each partition has a cover of its own, columns in other places
-- finds: 0
create table clinic (id bigint primary key);
create table visit (at date, clinic_id bigint references clinic) partition by range (at);
create table visit_early (gone int, clinic_id bigint references clinic, at date);
alter table visit_early drop column gone;
alter table visit attach partition visit_early for values from ('2020-01-01') to ('2024-01-01');
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create index on visit_early (clinic_id);
create index on visit_late (clinic_id, at);

-- case (near miss): a foreign key to a partitioned table is one key, however many partitions it has
-- finds: 0
create table clinic (id bigint primary key) partition by hash (id);
create table clinic_0 partition of clinic for values with (modulus 2, remainder 0);
create table clinic_1 partition of clinic for values with (modulus 2, remainder 1);
create table visit (id bigint primary key, clinic_id bigint references clinic);
create index on visit (clinic_id);

-- case (near miss): a large table is a warning as long as no delete has been counted
-- finds: public.visit
-- severity: warning
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic on delete cascade);
update pg_class set reltuples = 5000000 where oid = 'visit'::regclass;

-- case: names that need quoting
-- finds: "Über.Klinik"."Be""such"
create schema "Über.Klinik";
create table "Über.Klinik"."Klinik" (id bigint primary key);
create table "Über.Klinik"."Be""such" (id bigint primary key, "klinik id" bigint references "Über.Klinik"."Klinik");

-- case: a temporal foreign key wants an index that finds periods
-- finds: public.visit
-- fix: using gist (room, during)
-- server: 18
create extension btree_gist;
create table room (id int, open daterange, primary key (id, open without overlaps));
create table visit (id int primary key, room int, during daterange,
    foreign key (room, period during) references room (id, period open));

-- case (near miss): a GiST index serves a temporal foreign key
-- finds: 0
-- server: 18
create extension btree_gist;
create table room (id int, open daterange, primary key (id, open without overlaps));
create table visit (id int primary key, room int, during daterange,
    foreign key (room, period during) references room (id, period open));
create index on visit using gist (room, during);

-- case (near miss): a foreign key that is not enforced looks nothing up
-- finds: 0
-- server: 18
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic not enforced);

-- case: the invalid index that would cover is a leftover to be dropped, so another is made
-- finds: public.visit
-- fix: create index concurrently ix_visit_clinic_id on public.visit (clinic_id);
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
create index visit_clinic_ccnew on visit (clinic_id);
update pg_index set indisvalid = false where indexrelid = 'visit_clinic_ccnew'::regclass;

-- case: of two invalid indexes that would cover, the one that stays is built anew
-- finds: public.visit
-- fix: reindex index concurrently public.visit_clinic_id_at;
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic, at date);
create index visit_clinic_id on visit (clinic_id);
create index visit_clinic_id_at on visit (clinic_id, at);
update pg_index set indisvalid = false
 where indexrelid in ('visit_clinic_id'::regclass, 'visit_clinic_id_at'::regclass);

-- case (near miss): no plain index would do, which is fk-type-mismatch's to say
-- finds: 0
create table clinic (id numeric(12) primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
create index on visit (clinic_id);
