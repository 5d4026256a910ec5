-- case: three phones
-- finds: public.person
-- says: phone1, phone2, phone3 (3 of text) is one list in columns
-- severity: info
create table person (id bigint primary key, phone1 text, phone2 text, phone3 text);

-- case: the first without a number, lengths that differ, a number of two digits
-- finds: public.person
-- says: phone, phone_02, phone_03
create table person (id bigint primary key, phone varchar(20), phone_02 varchar(30), phone_03 varchar(20));

-- case: from nought
-- finds: public.reading
create table reading (id bigint primary key, channel_0 real, channel_1 real, channel_2 real, channel_3 real, channel_4 real);

-- case: numbered in the middle, one finding for what belongs together
-- finds: public.bill
-- says: item1_name, item2_name, item3_name (3 of text) and item1_price, item2_price, item3_price (3 of numeric) are lists
create table bill (id bigint primary key, item1_name text, item1_price numeric, item2_name text, item2_price numeric,
    item3_name text, item3_price numeric);

-- case: two lists are two findings
-- finds: public.person, public.person
create table person (id bigint primary key, phone1 text, phone2 text, phone3 text, mail1 text, mail2 text, mail3 text);

-- case: a column for each year
-- finds: public.sales
-- says: next year needs another column
create table sales (id bigint primary key, eur_2023 bigint, eur_2024 bigint, eur_2025 bigint);

-- case: a partitioned table, once
-- finds: public.reading
create table reading (id bigint, at date, v1 int, v2 int, v3 int) partition by range (at);
create table reading_late partition of reading for values from ('2024-01-01') to ('2030-01-01');

-- case: some of the months are a list, not a calendar
-- finds: public.plan
create table plan (id bigint primary key, month1 numeric, month2 numeric, month3 numeric);

-- case: names that need quoting
-- finds: public."Odd"
-- says: "Tel 1", "Tel 2", "Tel 3"
create table "Odd" (id bigint primary key, "Tel 1" text, "Tel 2" text, "Tel 3" text);

-- case: a table of its own
-- finds: 0
create table person (id bigint primary key, name text);
create table phone (person_id bigint references person, position int, number text, primary key (person_id, position));
create view wide as select 1 as phone1, 2 as phone2, 3 as phone3;

-- case (near miss): a pair, and the lines of an address
-- finds: 0
create table person (id bigint primary key, address_line1 text, address_line2 text, address_line3 text, parent1 text,
    parent2 text, street_1 text, street_2 text, street_3 text);

-- case (near miss): names that merely end in a number, with gaps
-- finds: 0
create table file (id bigint primary key, md5 text, sha1 text, sha256 text, sha512 text, utf8 text, utf16 text, p50 real,
    p90 real, p95 real, p99 real, m11 real, m12 real, m13 real, m21 real, ipv4 text, ipv6 text);

-- case (near miss): three numbers, of different types
-- finds: 0
create table file (id bigint primary key, part1 text, part2 int, part3 date);

-- case (near miss): the calendar is complete and stays as it is
-- finds: 0
create table plan (id bigint primary key, sales_q1 numeric, sales_q2 numeric, sales_q3 numeric, sales_q4 numeric,
    month_1 int, month_2 int, month_3 int, month_4 int, month_5 int, month_6 int, month_7 int, month_8 int, month_9 int,
    month_10 int, month_11 int, month_12 int, open_day1 bool, open_day2 bool, open_day3 bool, open_day4 bool,
    open_day5 bool, open_day6 bool, open_day7 bool);
