-- case: not scanned in a month
-- finds: public.visit_at
-- says: btree (at), 2.0 MiB: not scanned in the 30 days that the statistics cover
-- fix: drop index concurrently public.visit_at;
-- severity: warning
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256 where oid = 'visit_at'::regclass;

-- case: scanned now and then long ago, reading next to nothing
-- finds: public.visit_at
-- says: 5 scans in the 400 days that the statistics cover, the last one 200 days ago
-- rows: statistics_window [[34560000, false]]
-- rows: index_activity [["visit_at", 5, 10], ["visit_pkey", 100000, 100000]]
-- rows: index_last_scans [["visit_at", 17280000]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256, reltuples = 10000 where oid = 'visit_at'::regclass;

-- case: where standbys answer queries it is only an info
-- finds: public.visit_at
-- says: there are standbys, and each counts for itself
-- severity: info
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
-- rows: standbys [[1, 0]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256 where oid = 'visit_at'::regclass;

-- case: on a standby it is only an info
-- finds: public.visit_at
-- says: this is a standby
-- severity: info
-- rows: statistics_window [[2592000, true]]
-- rows: index_activity [["visit_pkey", 100, 100]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256 where oid = 'visit_at'::regclass;

-- case: a partitioned index that no partition uses, as a whole
-- finds: public.visit_clinic
-- says: btree (clinic), 1.6 MiB
-- fix: drop index public.visit_clinic;
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit_1", 1000, 0, 0]]
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01');
create index visit_clinic on visit (clinic);
update pg_class set relpages = 100 where relname in ('visit_1_clinic_idx', 'visit_2_clinic_idx');

-- case: of two idle ones that cover a foreign key, the better one stays
-- finds: public.visit_clinic_at
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic, at date, n int);
create index visit_clinic_at on visit (clinic_id, at);
create index visit_clinic_n on visit (clinic_id, n);
update pg_class set relpages = 300 where oid = 'visit_clinic_at'::regclass;
update pg_class set relpages = 200 where oid = 'visit_clinic_n'::regclass;

-- case: GIN
-- finds: public.visit_tags
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table visit (id bigint primary key, tags text[]);
create index visit_tags on visit using gin (tags);
update pg_class set relpages = 256 where oid = 'visit_tags'::regclass;

-- case: the statistics cover three days, which is too little
-- finds: skip
-- rows: statistics_window [[259200, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256 where oid = 'visit_at'::regclass;

-- case: nobody knows what the statistics cover
-- finds: skip
-- rows: statistics_window [[null, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256 where oid = 'visit_at'::regclass;

-- case: every index has a duty, so nothing needs to be counted
-- finds: 0
-- rows: statistics_window [[259200, false]]
create table visit (id bigint primary key, number int unique, at date, exclude using btree (at with =));
update pg_class set relpages = 256 where relname like 'visit%';

-- case: used
-- finds: 0
-- rows: statistics_window [[2592000, false]]
-- rows: index_activity [["visit_at", 1, 1]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256, reltuples = 10000 where oid = 'visit_at'::regclass;

-- case (near miss): scanned long ago, but it read much then: a yearly report
-- finds: 0
-- rows: statistics_window [[34560000, false]]
-- rows: index_activity [["visit_at", 1, 10000]]
-- rows: index_last_scans [["visit_at", 17280000]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256, reltuples = 10000 where oid = 'visit_at'::regclass;

-- case (near miss): the last scan was 170 days ago
-- finds: 0
-- rows: statistics_window [[34560000, false]]
-- rows: index_activity [["visit_at", 5, 10]]
-- rows: index_last_scans [["visit_at", 14688000]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256, reltuples = 10000 where oid = 'visit_at'::regclass;

-- case (near miss): one partition uses its part
-- finds: 0
-- rows: statistics_window [[2592000, false]]
-- rows: index_activity [["visit_2_clinic_idx", 3, 3]]
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create table visit_2 partition of visit for values from ('2021-01-01') to ('2022-01-01');
create index visit_clinic on visit (clinic);
update pg_class set relpages = 200 where relname in ('visit_1_clinic_idx', 'visit_2_clinic_idx');

-- case (near miss): the only cover of a foreign key
-- finds: 0
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic, at date);
create index visit_clinic on visit (clinic_id, at);
update pg_class set relpages = 256 where oid = 'visit_clinic'::regclass;

-- case (near miss): the only cover of a foreign key but for its copy, which goes
-- finds: 0
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic, at date);
create index visit_clinic on visit (clinic_id);
create index visit_clinic_copy on visit (clinic_id);
update pg_class set relpages = 256 where relname like 'visit_clinic%';

-- case (near miss): it does the work of one that goes
-- finds: 0
-- rows: statistics_window [[2592000, false]]
-- rows: index_activity [["visit_short", 1000, 1000]]
create table visit (id bigint primary key, at date, n int);
create index visit_short on visit (at);
create index visit_long on visit (at, n);
update pg_class set relpages = 256 where relname in ('visit_short', 'visit_long');

-- case: of two copies that nothing uses one is for duplicate-index, the other one is unused
-- finds: public.visit_at_1
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table visit (id bigint primary key, at date);
create index visit_at_1 on visit (at);
create index visit_at_2 on visit (at);
update pg_class set relpages = 256 where relname like 'visit_at%';

-- case (near miss): declared in an expectation
-- finds: 0
-- policy: [[expect.index]]
-- policy: id = "at"
-- policy: table = "visit"
-- policy: columns = ["at"]
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256 where oid = 'visit_at'::regclass;

-- case (near miss): less than 1 MiB
-- finds: 0
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 127 where oid = 'visit_at'::regclass;

-- case (near miss): of a table where nothing happened
-- finds: 0
-- rows: statistics_window [[2592000, false]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256 where oid = 'visit_at'::regclass;

-- case (near miss): known to be younger than a week
-- finds: 0
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
-- rows: recent_indexes [["visit_at"]]
create table visit (id bigint primary key, at date);
create index visit_at on visit (at);
update pg_class set relpages = 256 where oid = 'visit_at'::regclass;

-- case (near miss): unique, clustered by, replica identity, invalid
-- finds: 0
-- rows: statistics_window [[2592000, false]]
-- rows: table_activity [["visit", 1000, 0, 0]]
create table visit (id bigint primary key, number int, code int not null, at date, n int);
create unique index visit_number on visit (number);
create unique index visit_code on visit (code);
create index visit_at on visit (at);
create index visit_n on visit (n);
alter table visit replica identity using index visit_code;
alter table visit cluster on visit_at;
update pg_index set indisvalid = false where indexrelid = 'visit_n'::regclass;
update pg_class set relpages = 256 where relname like 'visit_%';
