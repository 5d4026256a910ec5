-- rule: delimited-list-column
-- object: public.users
-- plants: the newsletters that somebody takes are a list in one text column of users
alter table public.users add column newsletters text;
update public.users
set newsletters = (
    select pg_catalog.string_agg(letter, ',' order by place)
    from pg_catalog.unnest(array['offers', 'releases', 'events', 'jobs']) with ordinality as letters (letter, place)
    where (id + place) % 4 <= id % 3
);
analyze public.users;
