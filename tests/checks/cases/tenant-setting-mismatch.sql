-- case: a misspelt name
-- finds: public.visit
-- says: its policy own reads app.orgid; the tenant is in app.org_id
-- fix: alter policy own on public.visit using ((org_id = (( SELECT nullif(current_setting('app.org_id', true), '')
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = ((select nullif(current_setting('app.orgid', true), ''))::bigint));
alter table visit enable row level security, force row level security;

-- case: without a configuration the most used name counts
-- finds: public.ward
-- says: its policy own reads app.org_id; the tenant is in app.tenant
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select nullif(current_setting('app.tenant', true), '')::bigint));
alter table visit enable row level security, force row level security;
create table room (org_id bigint, id bigint, primary key (org_id, id));
create policy own on room using (org_id = (select nullif(current_setting('app.tenant', true), '')::bigint));
alter table room enable row level security, force row level security;
create table ward (org_id bigint, id bigint, primary key (org_id, id));
create policy own on ward using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
alter table ward enable row level security, force row level security;

-- case: by way of a function
-- finds: public.visit
-- says: its policy own reads app.clinic
-- policy: [tenancy]
create function tenant() returns bigint stable language sql
    as $$ select nullif(current_setting('app.clinic', true), '')::bigint $$;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select tenant()));
alter table visit enable row level security, force row level security;

-- case: the configured name
-- finds: 0
-- policy: [tenancy]
-- policy: setting = "app.tenant"
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select nullif(current_setting('app.tenant', true), '')::bigint));
alter table visit enable row level security, force row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): the name in another case, beside another setting
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, doctor bigint, primary key (org_id, id));
create policy own on visit using (
    org_id = (select nullif(current_setting('App.Org_Id', true), '')::bigint)
    and doctor = (select nullif(current_setting('app.user_id', true), '')::bigint)
);
alter table visit enable row level security, force row level security;

-- case (near miss): a policy that is not about the tenant
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, doctor bigint, primary key (org_id, id));
create policy floor on visit as restrictive
    using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
create policy mine on visit using (doctor = (select nullif(current_setting('app.user_id', true), '')::bigint));
alter table visit enable row level security, force row level security;

-- case (near miss): a setting by which rows of another table are found
-- finds: 0
-- policy: [tenancy]
create table staff (user_id bigint, org_id bigint);
create function mine() returns setof bigint stable language sql
    as $$ select org_id from staff where user_id = nullif(current_setting('app.user_id', true), '')::bigint $$;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (
    org_id in (select org_id from staff where user_id = nullif(current_setting('app.user_id', true), '')::bigint)
);
create policy other on visit using (org_id in (select mine()));
alter table visit enable row level security, force row level security;

-- case (near miss): what more policies read, but for another column
-- finds: 0
create table users (id bigint primary key);
create policy own on users using (id = nullif(current_setting('app.user_id', true), '')::bigint);
create policy more on users using (id = nullif(current_setting('app.user_id', true), '')::bigint);
alter table users enable row level security, force row level security;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = nullif(current_setting('app.org', true), '')::bigint);
alter table visit enable row level security, force row level security;
