-- case: begun and never finished
-- finds: public.visit_clinic
-- says: btree (clinic); 2 of 2 partitions lack it: public.visit_1, public.visit_2
-- fix: alter index public.visit_clinic attach partition
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01');
create index visit_clinic on only visit (clinic);

-- case: one partition lacks its part
-- finds: public.visit_clinic
-- says: 1 of 2 partitions lack it: public.visit_2;
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01');
create index visit_clinic on only visit (clinic);
create index visit_1_clinic on visit_1 (clinic);
alter index visit_clinic attach partition visit_1_clinic;

-- case: what a partition has already is attached
-- finds: public.visit_clinic
-- fix: alter index public.visit_clinic attach partition public.made_by_hand;
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create index visit_clinic on only visit (clinic);
create index made_by_hand on visit_1 (clinic);

-- case: a part is invalid; it is mended with the whole, and reported once
-- finds: public.visit_clinic
-- says: its part is invalid in public.visit_1
-- fix: reindex index concurrently public.visit_1_clinic;
-- server: 14
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create index visit_clinic on only visit (clinic);
create index visit_1_clinic on visit_1 (clinic);
update pg_index set indisvalid = false where indexrelid = 'visit_1_clinic'::regclass;
alter index visit_clinic attach partition visit_1_clinic;

-- case: a partition of a partition lacks it, and only the top is reported
-- finds: public.visit_at
-- says: 1 of 3 partitions lack it: public.visit_2_2;
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01') partition by list (clinic);
create table visit_2_1 partition of visit_2 for values in (1);
create table visit_2_2 partition of visit_2 for values in (2);
create index visit_at on only visit (at);
create index visit_1_at on visit_1 (at);
create index visit_2_at on only visit_2 (at);
create index visit_2_1_at on visit_2_1 (at);
alter index visit_2_at attach partition visit_2_1_at;
alter index visit_at attach partition visit_1_at;
alter index visit_at attach partition visit_2_at;

-- case: a primary key that some partition does not have
-- finds: public.visit_pkey
-- says: it backs the constraint visit_pkey
-- severity: error
-- fix: add constraint ux_visit_1_id_at primary key using index ux_visit_1_id_at;
create table visit (id bigint not null, at date not null) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
alter table only visit add primary key (id, at);

-- case: a finished one does the same, so this one goes
-- finds: public.visit_clinic_2
-- says: visit_clinic_1 does the same: drop it
-- fix: drop index public.visit_clinic_2;
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create index visit_clinic_1 on visit (clinic);
create index visit_clinic_2 on only visit (clinic);

-- case: partitions without number are counted, not listed
-- finds: public.visit_at
-- says: 7 of 7 partitions lack it: public.visit_1, public.visit_2, public.visit_3, public.visit_4, public.visit_5 and 2 more
create table visit (at date, clinic int) partition by list (clinic);
do $$ begin for i in 1..7 loop execute format('create table visit_%s partition of visit for values in (%s)', i, i); end loop; end $$;
create index visit_at on only visit (at);

-- case: a foreign partition can have no part, so the whole is made once more
-- finds: public.visit_clinic
-- fix: create index ix_visit_clinic on public.visit (clinic);
create foreign data wrapper nowhere;
create server nowhere foreign data wrapper nowhere;
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create foreign table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01') server nowhere;
create index visit_clinic on only visit (clinic);

-- case: whole
-- finds: 0
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create index on visit (clinic);
create index on only visit (at);
create index visit_1_own on visit_1 (at);
alter index visit_at_idx attach partition visit_1_own;

-- case (near miss): a partition's own index belongs to nothing
-- finds: 0
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01');
create index on visit_1 (clinic);

-- case (near miss): a foreign partition, and an index made on the whole
-- finds: 0
create foreign data wrapper nowhere;
create server nowhere foreign data wrapper nowhere;
create table visit (at date, clinic int) partition by range (at);
create foreign table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01') server nowhere;
create index on visit (clinic);

-- case (near miss): an expectation waits for it, and reports it
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "clinic"
-- policy: table = "visit"
-- policy: columns = ["clinic"]
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create index visit_clinic on only visit (clinic);

-- case (near miss): an invalid index of a table that is not partitioned
-- finds: 0
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_index set indisvalid = false where indexrelid = 'visit_at'::regclass;
