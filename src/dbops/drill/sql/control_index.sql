-- An index that lacks every row of its table, without damage to any page: its function has changed its mind.
create extension if not exists amcheck;
create schema dbops_amcheck;
create function dbops_amcheck.key(integer) returns integer language sql immutable as 'select $1';
create table dbops_amcheck.rows as select n.n from pg_catalog.generate_series(1, 100) as n (n);
create index by_key on dbops_amcheck.rows (dbops_amcheck.key(n));
create or replace function dbops_amcheck.key(integer) returns integer language sql immutable as 'select -$1';
