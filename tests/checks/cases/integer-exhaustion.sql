-- case: a serial column at three quarters
-- finds: public.visit
-- says: id takes its values from public.visit_id_seq, which is at 1,700,000,000 of 2,147,483,647: 79 % used, 447,483,647 left
-- severity: warning
-- fix: alter table public.visit alter column id type bigint;
-- fix: alter sequence public.visit_id_seq as bigint no maxvalue;
create table visit (id serial primary key);
select setval('visit_id_seq', 1700000000);

-- case: an identity column at nine tenths
-- finds: public.visit
-- says: 93 % used
-- severity: error
create table visit (id integer generated always as identity primary key);
select setval('visit_id_seq', 2000000000);

-- case: a bigint key to which an integer refers
-- finds: public.visit
-- says: the limit is that of public.note.visit_id (integer), which refers to it
-- fix: alter table public.note alter column visit_id type bigint;
create table visit (id bigint generated always as identity primary key);
create table note (visit_id integer references visit);
select setval('visit_id_seq', 2000000000);

-- case: the integer refers to a key that refers to the key
-- finds: public.person
-- says: the limit is that of public.photo.patient (integer)
-- fix: alter table public.photo alter column patient type bigint;
create table person (id bigint generated always as identity primary key);
create table patient (id bigint primary key references person);
create table photo (patient integer references patient);
select setval('person_id_seq', 1900000000);

-- case: the type of the column is narrower than the sequence
-- finds: public.visit
-- says: the limit is that of public.visit.id (smallint)
create sequence visits;
create table visit (id smallint primary key default nextval('visits'));
select setval('visits', 30000);

-- case: a domain over integer
-- finds: public.visit
-- says: the limit is that of public.visit.id (integer)
create domain number as integer;
create sequence visits;
create table visit (id number primary key default nextval('visits'));
select setval('visits', 2147483647);

-- case: the sequence has a maximum of its own
-- finds: public.visit
-- says: the limit is the sequence's own
-- fix: alter sequence public.visits as bigint no maxvalue;
create sequence visits maxvalue 1000;
create table visit (id bigint primary key default nextval('visits'));
select setval('visits', 990);

-- case: downwards
-- finds: public.visit
-- says: is at -2,000,000,000 of -2,147,483,648: 93 % used, 147,483,648 left
create sequence visits increment -1;
create table visit (id integer primary key default nextval('visits'));
select setval('visits', -2000000000);

-- case: in steps of fifty
-- finds: public.visit
-- says: 2,949,672 left
create sequence visits as integer increment 50;
create table visit (id integer primary key default nextval('visits'));
select setval('visits', 2000000000);

-- case: from the lowest integer upwards
-- finds: public.visit
-- says: 75 % used
create sequence visits as integer minvalue -2147483648;
create table visit (id integer primary key default nextval('visits'));
select setval('visits', 1073741830);

-- case: one that nothing but code asks
-- finds: public.tickets
-- says: nothing but code takes values
create sequence tickets as smallint;
select setval('tickets', 32000);

-- case: one that comes round in a key
-- finds: public.visit
-- says: where it begins again and meets its old values
-- severity: warning
create sequence visits maxvalue 1000 cycle;
create table visit (id bigint primary key default nextval('visits'));
select setval('visits', 990);

-- case: one that may cycle but meets the column's limit first
-- finds: public.visit
create sequence visits cycle;
create table visit (id integer primary key default nextval('visits'));
select setval('visits', 2000000000);

-- case: a partitioned table, once
-- finds: public.visit
create table visit (id serial, at date, primary key (id, at)) partition by range (at);
create table visit_early partition of visit for values from ('2020-01-01') to ('2024-01-01');
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
select setval('visit_id_seq', 2000000000);

-- case: a key by which the table is partitioned cannot be changed by a statement
-- finds: public.visit
create table visit (id serial primary key) partition by range (id);
create table visit_early partition of visit for values from (0) to (1000000000);
select setval('visit_id_seq', 2000000000);

-- case: room everywhere, or not begun
-- finds: 0
create table visit (id serial primary key, twice bigserial);
create table person (id integer generated always as identity primary key);
create sequence down increment -1;
select setval('visit_id_seq', 1600000000), setval('down', -9000000000000000);

-- case (near miss): past the integers, with a bigint everywhere it goes
-- finds: 0
create table visit (id bigint generated always as identity primary key);
create table note (visit_id bigint references visit, number text default 'N' || nextval('visit_id_seq'));
select setval('visit_id_seq', 900000000000);

-- case (near miss): an integer that refers to another column of the table
-- finds: 0
create table visit (id bigint generated always as identity primary key, room integer unique);
create table note (room integer references visit (room));
select setval('visit_id_seq', 2000000000);

-- case (near miss): one that cycles, in a column that repeats anyway
-- finds: 0
create sequence shelf maxvalue 100 cycle;
create table box (id bigint primary key, shelf integer default nextval('shelf'));
select setval('shelf', 99);
