-- case: true for everybody
-- finds: public.visit
-- says: its policy everybody is true for the rows of every tenant
-- fix: alter policy everybody on public.visit using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy everybody on visit for select using (true);
alter table visit enable row level security, force row level security;

-- case: true beside the tenant condition, which then counts for nothing
-- finds: public.visit
-- says: its policy everybody is true
-- silent: own
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
create policy everybody on visit for select using (1 = 1);
alter table visit enable row level security, force row level security;

-- case: true by OR, or of itself
-- finds: public.room, public.ward
create table room (org_id bigint, id bigint, primary key (org_id, id));
create policy everybody on room using (org_id = 1 or (id > 0 or true));
alter table room enable row level security, force row level security;
create table ward (org_id bigint, id bigint, primary key (org_id, id));
create policy everybody on ward using (org_id = org_id);
alter table ward enable row level security, force row level security;

-- case: everything at once is one finding
-- finds: public.visit
-- says: its policies changing, everybody are true for the rows of every tenant
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy everybody on visit using (true) with check (true);
create policy changing on visit for update using (true) with check (true);
alter table visit enable row level security, force row level security;

-- case: a role that the application can become
-- finds: public.visit
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app noinherit;
create role dbops_case_reports;
grant dbops_case_reports to dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit to dbops_case_app using (org_id = 1);
create policy everything on visit for select to dbops_case_reports using (true);
alter table visit enable row level security, force row level security;
grant select on visit to dbops_case_app, dbops_case_reports;

-- case: a partition reached by its own name
-- finds: public.visit_late
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create policy own on visit using (org_id = 1);
create policy everybody on visit_late using (true);
alter table visit enable row level security, force row level security;
alter table visit_late enable row level security, force row level security;

-- case: listed, and told by another table
-- finds: public.visit_note
-- policy: [tenancy]
-- policy: tables = ["visit_note"]
create table visit_note (visit_id bigint primary key);
create policy everybody on visit_note using (true);
alter table visit_note enable row level security, force row level security;

-- case: held to the tenant
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
alter table visit enable row level security, force row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case: not switched on yet, and a role that policies do not apply to yet
-- finds: public.visit
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app bypassrls;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy everybody on visit using (true);
grant select on visit to dbops_case_app;

-- case (near miss): for a role with BYPASSRLS that the application can become
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app noinherit;
create role dbops_case_dump bypassrls;
grant dbops_case_dump to dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit to dbops_case_app using (org_id = 1);
create policy everything on visit to dbops_case_dump using (true);
alter table visit enable row level security, force row level security;
grant select on visit to dbops_case_app, dbops_case_dump;

-- case (near miss): a restrictive policy holds it all the same
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy floor on visit as restrictive using (org_id = 1);
create policy everybody on visit using (true);
alter table visit enable row level security, force row level security;

-- case (near miss): for a role that the application never is
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_reports;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit to dbops_case_app using (org_id = 1);
create policy everything on visit for select to dbops_case_reports using (true);
alter table visit enable row level security, force row level security;
grant select on visit to dbops_case_app, dbops_case_reports;

-- case (near miss): the application may not read it
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy everybody on visit using (true);
alter table visit enable row level security, force row level security;

-- case (near miss): restrictive, true or not: alone it lets nothing through
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy floor on visit as restrictive using (true);
alter table visit enable row level security, force row level security;

-- case (near miss): a table for all tenants
-- finds: 0
create table currency (code text primary key);
create policy everybody on currency for select using (true);
alter table currency enable row level security, force row level security;

-- case (near miss): true only in a literal, or when something else is
-- finds: 0
create table visit (org_id bigint, id bigint, note text, primary key (org_id, id));
create policy own on visit using (org_id = 1 and (note = ' OR true OR ' or true));
alter table visit enable row level security, force row level security;
