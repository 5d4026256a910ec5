-- A cluster and a database full of what restores trip over. Needs a superuser and a server of its own: roles are global.
create role n_owner nologin;
create role n_third;
create role n_app login noinherit;
create role n_reader login;
create role n_backup login bypassrls;
create role n_creator login createrole createdb;
create role "N ""odd"" role
with a line break" nologin;
grant n_owner to n_app with admin option;
grant n_reader to n_app;
grant pg_read_all_data to n_backup;
grant pg_execute_server_program to n_creator;
grant n_reader to "N ""odd"" role
with a line break";

create extension hstore;
create extension pg_trgm;
create extension btree_gist;
create extension postgres_fdw;

create schema app authorization n_owner;
create schema "odd "" schema" authorization "N ""odd"" role
with a line break";
create schema locked_down authorization n_owner;
revoke all on schema public from public;
grant usage on schema app to n_reader, n_app, n_third;

create type app.mood as enum ('sad', 'ok', 'it''s fine');
alter type app.mood owner to n_owner;
create domain app.positive as int check (value > 0);
create type app.pair as (a int, b text);
create type app.frange as range (subtype = float8);
create collation app.c_copy (locale = 'C');

create function app.f_plain(a int) returns int language sql immutable as 'select a + 1';
alter function app.f_plain(int) owner to n_owner;
create function app.f_definer() returns int language plpgsql security definer set search_path = pg_catalog
    as 'begin return 1; end';
alter function app.f_definer() owner to n_owner;
revoke all on function app.f_definer() from public;
grant execute on function app.f_definer() to n_app;
create function app.f_leakproof(a int) returns int language sql immutable leakproof as 'select a';
create function app.f_replica() returns int language sql set session_replication_role = 'replica' as 'select 1';
create procedure app.p_nothing() language sql as 'select 1';
create aggregate app.total(int) (sfunc = int4pl, stype = int);
create operator app.=== (leftarg = int, rightarg = int, function = int4eq);

create table app.parent (
    id int generated always as identity primary key,
    name text not null collate "C",
    how app.mood default 'ok',
    many app.positive,
    doubled int generated always as (id * 2) stored,
    at timestamptz default now()
);
alter table app.parent owner to n_owner;
insert into app.parent (name, how, many) select 'p' || i, 'ok', i from generate_series(1, 500) as i;
grant select, insert on app.parent to n_third with grant option;
set session authorization n_third;
grant select on app.parent to n_reader;
reset session authorization;
grant update (name) on app.parent to n_app;

create table app.child (
    id bigserial primary key,
    parent_id int references app.parent (id),
    later int,
    body text,
    duration int8range,
    constraint no_overlap exclude using gist (parent_id with =, duration with &&)
);
alter table app.child owner to n_owner;
insert into app.child (parent_id, duration) select i, int8range(i, i + 1) from generate_series(1, 300) as i;
alter table app.child add constraint later_fk foreign key (later) references app.parent (id) not valid;

create table app.a_circle (id int primary key, b int);
create table app.b_circle (id int primary key, a int references app.a_circle (id) deferrable initially deferred);
insert into app.a_circle values (1, 1), (2, 2);
insert into app.b_circle values (1, 1), (2, 2);
alter table app.a_circle add foreign key (b) references app.b_circle (id) deferrable initially deferred;

create table app.events (happened date not null, what text, n int) partition by range (happened);
create table app.events_a partition of app.events for values from ('2025-01-01') to ('2025-07-01');
create table app.events_b (n int, gone int, what text, happened date not null);
alter table app.events_b drop column gone;
alter table app.events attach partition app.events_b for values from ('2025-07-01') to ('2026-01-01');
create table app.events_rest partition of app.events default;
insert into app.events select date '2025-01-01' + i, 'e' || i, i from generate_series(0, 599) as i;
create index events_n on app.events (n);
alter table app.events owner to n_owner;

create table app.tenants (org_id int not null, secret text);
alter table app.tenants owner to n_owner;
insert into app.tenants select i % 5, 's' || i from generate_series(1, 100) as i;
alter table app.tenants enable row level security;
alter table app.tenants force row level security;
create policy own_rows on app.tenants to n_app
    using (org_id = nullif(current_setting('app.org_id', true), '')::int);
create policy floor on app.tenants as restrictive for select to public using (org_id >= 0);
create policy all_of_it on app.tenants for select to n_owner using (org_id < 3);
grant select, insert on app.tenants to n_app;
alter table app.tenants add primary key (org_id, secret);
create table app.tenant_notes (org_id int, secret text, foreign key (org_id, secret) references app.tenants);
insert into app.tenant_notes select org_id, secret from app.tenants;

create view app.barrier with (security_barrier) as select name from app.parent where id < 100;
alter view app.barrier owner to n_app;
create materialized view app.mv_tenants as select org_id, count(*) as n from app.tenants group by 1;
alter materialized view app.mv_tenants owner to n_owner;
create materialized view app.mv_on_mv as select sum(n) as all_of_it from app.mv_tenants;
create materialized view app.mv_empty as select 1 as one with no data;
create unique index on app.mv_tenants (org_id);

create table app."t" (t text, "quo""te" int, "line
break" int, "-dash" int, "select" int);
insert into app."t" values ('x', 1, 2, 3, 4), ('x', 1, 2, 3, 4);
create table "odd "" schema"."-tab""le
two" (id serial primary key);
insert into "odd "" schema"."-tab""le
two" select from generate_series(1, 7);
alter table "odd "" schema"."-tab""le
two" owner to "N ""odd"" role
with a line break";
create table "odd "" schema".ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt (id int);
create table app.no_columns ();
insert into app.no_columns default values;
create unlogged table app.fleeting (id int);
insert into app.fleeting values (1), (2);
create table app.mother (id int);
create table app.daughter (extra int) inherits (app.mother);
insert into app.mother values (1), (2);
insert into app.daughter values (3, 3);
create table public.of_superuser (id int primary key, kv hstore);
insert into public.of_superuser values (1, 'a=>1');
create index trigrams on app.parent using gin (name gin_trgm_ops);
create index expression on app.parent (app.f_plain(id)) where many > 3;
alter table app.parent cluster on parent_pkey;
alter table app.parent replica identity full;
alter table app.parent alter column name set statistics 500;
alter table app.parent set (fillfactor = 80);
create statistics app.stx on id, many from app.parent;

create function app.on_change() returns trigger language plpgsql as 'begin return new; end';
create trigger disabled before update on app.parent for each row execute function app.on_change();
create trigger always after insert on app.parent for each row execute function app.on_change();
alter table app.parent disable trigger disabled;
alter table app.parent enable always trigger always;
create rule quiet as on delete to app.mother do instead nothing;

create sequence app.going_down increment by -5 minvalue -1000 maxvalue 100 start 50;
select nextval('app.going_down');
select nextval('app.going_down');
create sequence app.never_called;

alter default privileges for role n_owner in schema app grant select on tables to n_reader;
alter default privileges for role n_owner revoke execute on functions from public;

create server elsewhere foreign data wrapper postgres_fdw options (host '192.0.2.1', dbname 'x');
create user mapping for n_app server elsewhere options (user 'u', password 'canary-in-a-mapping');
create foreign table app.far (id int) server elsewhere;
create publication pub_one for table app.parent, app.child;

select lo_create(424242);
select lo_put(424242, 0, 'large');
alter large object 424242 owner to n_owner;
grant select on large object 424242 to n_reader;

comment on table app.parent is 'it''s commented';
comment on extension hstore is 'a comment of ours';
alter role n_app set statement_timeout = '5s';
