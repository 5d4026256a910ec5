-- case: the row's own tenant in the place of a missing one
-- finds: public.visit
-- says: its policy own lets in a session that has no tenant
-- fix: and org_id = (select nullif(current_setting('app.org_id', true), '')::bigint)
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit
    using (org_id = coalesce((select nullif(current_setting('app.org_id', true), '')::bigint), org_id));
alter table visit enable row level security, force row level security;

-- case: a default tenant, before the cast
-- finds: public.visit
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit
    using (org_id = (select coalesce(nullif(current_setting('app.org_id', true), ''), '1')::bigint));
alter table visit enable row level security, force row level security;

-- case: null, or empty, means everything
-- finds: public.room, public.visit
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (
    (select current_setting('app.org_id', true)) is null
    or org_id = (select nullif(current_setting('app.org_id', true), '')::bigint)
);
alter table visit enable row level security, force row level security;
create table room (org_id bigint, id bigint, primary key (org_id, id));
create policy own on room using (
    org_id = (select nullif(current_setting('app.org_id', true), '')::bigint)
    or (select current_setting('app.org_id', true)) = ''
);
alter table room enable row level security, force row level security;

-- case: a CASE, and a function
-- finds: public.room, public.visit
-- policy: [tenancy]
create function tenant() returns bigint stable language sql
    as $$ select coalesce(nullif(current_setting('app.org_id', true), ''), '1')::bigint $$;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select tenant()));
alter table visit enable row level security, force row level security;
create table room (org_id bigint, id bigint, primary key (org_id, id));
create policy own on room using (
    case when nullif(current_setting('app.org_id', true), '') is null then true
    else org_id = nullif(current_setting('app.org_id', true), '')::bigint end
);
alter table room enable row level security, force row level security;

-- case: a restrictive policy and a permissive one, both open
-- finds: public.visit
-- says: its policies floor, own let in
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy floor on visit as restrictive
    using (org_id = coalesce((select nullif(current_setting('app.org_id', true), '')::bigint), org_id));
create policy own on visit
    using (org_id = coalesce((select nullif(current_setting('app.org_id', true), '')::bigint), org_id));
alter table visit enable row level security, force row level security;

-- case: null is equal to nothing
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
alter table visit enable row level security, force row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): defaults that are no tenant
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit
    using (org_id = (select nullif(coalesce(current_setting('app.org_id', true), ''), '')::bigint));
create policy minus on visit
    using (org_id = coalesce((select nullif(current_setting('app.org_id', true), '')::bigint), -1));
create policy claims on visit
    using (org_id = ((select coalesce(current_setting('app.claims', true), '{}')::jsonb ->> 'org'))::bigint);
alter table visit enable row level security, force row level security;

-- case (near miss): another policy holds
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy floor on visit as restrictive
    using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
create policy own on visit
    using (org_id = coalesce((select nullif(current_setting('app.org_id', true), '')::bigint), org_id));
alter table visit enable row level security, force row level security;

-- case (near miss): a coalesce about something else, and a tenant that must be there
-- finds: 0
create table visit (org_id bigint, id bigint, note text, primary key (org_id, id));
create policy own on visit using (
    (select nullif(current_setting('app.org_id', true), '')) is not null
    and org_id = (select nullif(current_setting('app.org_id', true), '')::bigint) and coalesce(note, 'none') <> 'hidden'
);
alter table visit enable row level security, force row level security;
