-- case: autovacuum is disabled for a table, and nothing has piled up yet
-- finds: public.visit
-- says: autovacuum is disabled for it
-- severity: info
-- fix: alter table public.visit reset (autovacuum_enabled);
create table visit (id bigint primary key) with (autovacuum_enabled = off);

-- case: disabled for a partition, spelled in another way
-- finds: public.visit_late
create table visit (id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01') with (autovacuum_enabled = 'no');

-- case: tables of which nothing was deleted
-- finds: 0
create table visit (id bigint primary key);
insert into visit select generate_series(1, 5000);

-- case (near miss): autovacuum is tuned, and enabled in so many words
-- finds: 0
create table visit (id bigint primary key) with (autovacuum_enabled = on, autovacuum_vacuum_scale_factor = 0.01,
    toast.autovacuum_enabled = off);
