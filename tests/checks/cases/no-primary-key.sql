-- case: no key at all
-- finds: public.visit
create table visit (at date);

-- case: a unique index on NOT NULL columns can become it
-- finds: public.visit
-- says: visit_number on NOT NULL columns can become it
create table visit (number int not null, at date);
create unique index visit_number on visit (number) include (at);

-- case: a unique constraint on NOT NULL columns can be declared as one
-- finds: public.visit
-- says: the unique constraint visit_number_at_key is on NOT NULL columns, and can be declared as one
create table visit (at date not null, number int not null, unique (number, at));

-- case (near miss): something stands on the unique constraint, or it is not what a key should be
-- finds: public.clustered, public.nullable, public.of_tenants, public.referred_to, public.wider
-- silent: can be declared as one
create table referred_to (number int not null unique);
create table visit (id bigint primary key, number int references referred_to (number));
create table clustered (number int not null unique);
cluster clustered using clustered_number_key;
create table nullable (number int unique);
create table of_tenants (org_id int not null, number int not null unique);
create table wider (number int not null, at date, unique (number) include (at));

-- case: an unlogged table too
-- finds: public.visit
create unlogged table visit (at date);

-- case: inheritance does not hand keys down
-- finds: public.special_visit
create table visit (id bigint primary key);
create table special_visit () inherits (visit);

-- case: a table that others inherit from can be given no identity column
-- finds: public.special_visit, public.visit
-- unfixed: public.visit
create table visit (at date);
create table special_visit () inherits (visit);

-- case: partitioned, once, on the parent
-- finds: public.visit
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');

-- case: published without replica identity
-- finds: public.visit
-- severity: error
-- says: the publication changes sends
create table visit (at date);
create publication changes for table visit;

-- case: published as a whole
-- finds: public.visit
-- severity: error
create table visit (at date);
create publication changes for all tables;

-- case: keys everywhere, and what needs none
-- finds: 0
create table visit (id bigint primary key);
create table part (id bigint, at date, primary key (id, at)) partition by range (at);
create table part_late partition of part for values from ('2024-01-01') to ('2030-01-01');
create view looking as select * from visit;
create materialized view looked as select * from visit;
create temporary table scratchpad (at date);

-- case (near miss): only inserts are published
-- finds: public.visit
-- severity: warning
create table visit (at date);
create publication changes for table visit with (publish = 'insert');

-- case (near miss): published with a full replica identity
-- finds: public.visit
-- severity: warning
create table visit (at date);
alter table visit replica identity full;
create publication changes for table visit;

-- case (near miss): no unique index that could be promoted: nullable, partial, of an expression, descending
-- finds: public.visit
-- severity: warning
-- silent: can become it
create table visit (a int, b int not null, c int not null, d int not null);
create unique index on visit (a);
create unique index on visit (b) where b > 0;
create unique index on visit ((c + 0));
create unique index on visit (d desc);

-- case (near miss): a unique constraint is no primary key
-- finds: public.visit
-- silent: can become it
create table visit (number int not null unique);

-- case: a NOT NULL that was never validated is, before the index becomes the key
-- server: 18
-- finds: public.visit
-- says: visit_number on NOT NULL columns can become it; rows from before "nümber given" are looked at first
-- fix: validate constraint "nümber given";
create table visit (number int, at date);
alter table visit add constraint "nümber given" not null number not valid;
create unique index visit_number on visit (number);
