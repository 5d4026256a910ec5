-- case: neither missing_ok nor nullif
-- finds: public.visit
-- says: its policy own reads app.org_id without missing_ok, an error where it was never set
-- silent: nullif
-- fix: alter policy own on public.visit using ((org_id = ((select nullif(current_setting('app.org_id', true), '')))::bigint));
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = current_setting('app.org_id')::bigint);
alter table visit enable row level security, force row level security;

-- case: no nullif before the cast
-- finds: public.visit
-- says: reads app.org_id without nullif before the cast, an error where it is empty
create table visit (org_id uuid, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select current_setting('app.org_id', true)::uuid));
alter table visit enable row level security, force row level security;

-- case: in a function that a policy calls
-- finds: public.tenant()
-- says: reads app.org_id without nullif before the cast, an error where it is empty, and policies call it
create function tenant() returns bigint stable language sql
    as $$ select current_setting('app.org_id', true)::bigint $$;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select tenant()));
alter table visit enable row level security, force row level security;

-- case: in a function whose body is kept parsed
-- finds: public.tenant()
-- says: without missing_ok
-- server: 14
create function tenant() returns bigint stable language sql return current_setting('app.org_id')::bigint;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select tenant()));
alter table visit enable row level security, force row level security;

-- case: safely
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = nullif(current_setting('app.org_id', true), '')::bigint);
alter table visit enable row level security, force row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): a text needs no cast, and the empty string is nobody
-- finds: 0
create table visit (org_id text, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select current_setting('app.org_id', true)));
alter table visit enable row level security, force row level security;

-- case (near miss): another setting, and a function that no policy calls
-- finds: 0
create function tenant() returns bigint stable language sql as $$ select current_setting('app.org_id')::bigint $$;
create table visit (org_id bigint, id bigint, doctor bigint, primary key (org_id, id));
create policy own on visit using (
    org_id = (select nullif(current_setting('app.org_id', true), '')::bigint)
    and doctor = (select current_setting('app.user_id')::bigint)
);
create policy more on visit using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
alter table visit enable row level security, force row level security;
