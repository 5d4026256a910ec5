-- case: an integer refers to a bigint
-- finds: public.visit
-- says: clinic_id (integer) refers to public.clinic.id (bigint)
-- says: no key above 2,147,483,647
-- fix: alter table public.visit alter column clinic_id type bigint;
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id integer references clinic);

-- case: a smallint refers to an integer, one of two columns
-- finds: public.visit
-- says: number (smallint)
create table room (clinic_id bigint, number integer, primary key (clinic_id, number));
create table visit (id bigint primary key, clinic_id bigint, number smallint, foreign key (clinic_id, number) references room);

-- case: a column that is inherited is not given another type where it is inherited
-- finds: public.special_visit
-- unfixed: public.special_visit
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id integer);
create table special_visit (foreign key (clinic_id) references clinic) inherits (visit);

-- case: a domain over integer refers to a bigint
-- finds: public.visit
-- says: clinic_id (public.clinic_number)
create domain small_number as integer;
create domain clinic_number as small_number check (value > 0);
create table clinic (id bigint primary key);
create table visit (id bigint primary key, clinic_id clinic_number references clinic);

-- case: an integer refers to a numeric: the index on it does not serve
-- finds: public.visit
-- says: no plain index on it serves
-- fix: alter column clinic_id type numeric(12,0);
create table clinic (id numeric(12) primary key);
create table visit (id bigint primary key, clinic_id bigint references clinic);
create index on visit (clinic_id);

-- case: a character(n) refers to a text
-- finds: public.visit
-- says: clinic_code (character(8)) refers to public.clinic.code (text)
-- says: no plain index on it serves
create table clinic (code text primary key);
create table visit (id bigint primary key, clinic_code character(8) references clinic);

-- case: a numeric with fewer digits than its key
-- finds: public.fee, public.visit
-- says: fewer digits
create table clinic (id numeric(12, 2) primary key);
create table visit (id bigint primary key, clinic_id numeric(10, 2) references clinic);
create table fee (id bigint primary key, clinic_id numeric(12, 1) references clinic);

-- case: a timestamp refers to a timestamptz
-- finds: public.visit
-- says: depends on the time zone
create table shift (starts timestamptz primary key);
create table visit (id bigint primary key, shift timestamp references shift);

-- case: a date refers to a timestamp, and seconds to microseconds
-- finds: public.round, public.visit
create table shift (starts timestamp primary key);
create table visit (id bigint primary key, shift date references shift);
create table round (id bigint primary key, shift timestamp(0) references shift);

-- case: a real refers to a double precision
-- finds: public.visit
-- says: rounded in two ways
create table dose (amount double precision primary key);
create table visit (id bigint primary key, amount real references dose);

-- case: the columns that refer to this one go along
-- finds: public.visit
-- fix: alter table public.note alter column visit_id type bigint, alter column follows type bigint;
-- fix: alter table public.visit alter column id type bigint;
create table clinic (id bigint primary key);
create table visit (id integer primary key references clinic);
create table note (visit_id integer references visit, at date, follows integer references visit);

-- case: a partition with a foreign key of its own is changed on its parent
-- finds: public.visit_late
-- fix: alter table public.visit alter column clinic_id type bigint;
create table clinic (id bigint primary key);
create table visit (clinic_id integer, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
alter table visit_late add foreign key (clinic_id) references clinic;

-- case: a partitioned foreign key is reported once
-- finds: public.visit
create table clinic (id bigint primary key);
create table visit (clinic_id integer references clinic, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');

-- case: the same types on both sides
-- finds: 0
create type colour as enum ('red', 'blue');
create table clinic (id bigint, code text collate "C", tags int[], span int4range, colour colour, unique (id),
    unique (code), unique (tags), unique (span), unique (colour));
create table visit (a bigint references clinic (id), b text collate "C" references clinic (code),
    c int[] references clinic (tags), d int4range references clinic (span), e colour references clinic (colour));

-- case (near miss): a wider column holds every key, and an index on it serves
-- finds: 0
create table clinic (id integer primary key, at date unique, share numeric(6, 2) unique);
create table visit (clinic_id bigint references clinic, at timestamp references clinic (at),
    share numeric(8, 3) references clinic (share), any_share numeric references clinic (share));

-- case (near miss): varchar, text and their lengths are compared as one type
-- finds: 0
create table clinic (code text primary key, short varchar(10) unique, long varchar(20) unique);
create table visit (code varchar(8) references clinic, short text references clinic (short),
    long varchar(10) references clinic (long));

-- case (near miss): a domain over the key's own type
-- finds: 0
create domain clinic_number as bigint check (value > 0);
create table clinic (id bigint primary key);
create table visit (clinic_id clinic_number references clinic);

-- case (near miss): a foreign key that is not enforced looks nothing up
-- finds: 0
-- server: 18
create table clinic (id bigint primary key);
create table visit (clinic_id integer references clinic not enforced);
