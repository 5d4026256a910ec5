-- case: granted, and no policy for it
-- finds: public.visit
-- says: INSERT, DELETE are granted to dbops_case_app, and no policy lets a row through
-- fix: create policy tenant_insert on public.visit for insert to dbops_case_app with check (org_id = (select
-- fix: create policy tenant_delete on public.visit for delete to dbops_case_app using (org_id = (select
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy seeing on visit for select using (org_id = 1);
create policy changing on visit for update to dbops_case_app using (org_id = 1);
alter table visit enable row level security, force row level security;
grant select, insert, update, delete on visit to dbops_case_app;

-- case: only restrictive policies, and none at all
-- finds: public.room, public.visit
-- says: SELECT is granted to dbops_case_app, and no policy
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy floor on visit as restrictive using (org_id = 1);
alter table visit enable row level security, force row level security;
create table room (org_id bigint, id bigint, primary key (org_id, id));
alter table room enable row level security, force row level security;
grant select on visit, room to dbops_case_app;

-- case: the policy is for another role, the grant on a column and by membership
-- finds: public.visit
-- says: UPDATE is granted to dbops_case_app
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_staff;
create role dbops_case_boss;
grant dbops_case_staff to dbops_case_app;
create table visit (org_id bigint, id bigint, note text, primary key (org_id, id));
create policy changing on visit for update to dbops_case_boss using (org_id = 1);
alter table visit enable row level security, force row level security;
grant update (note) on visit to dbops_case_staff;

-- case: no tenant, no policy to be had
-- finds: public.users
-- policy: [tenancy]
create role dbops_case_app;
create table users (id bigint primary key);
alter table users enable row level security, force row level security;
grant select on users to dbops_case_app;

-- case: a policy for each command that is granted
-- finds: 0
create role dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy seeing on visit for select using (org_id = 1);
create policy adding on visit for insert to dbops_case_app with check (org_id = 1);
alter table visit enable row level security, force row level security;
grant select, insert on visit to dbops_case_app;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): for all commands, by a role that it is a member of
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_staff;
grant dbops_case_staff to dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit to dbops_case_staff using (org_id = 1);
alter table visit enable row level security, force row level security;
grant select, insert, update, delete on visit to dbops_case_app;

-- case: the application owns the table, and will meet its policies once they are forced
-- finds: public.visit
-- says: INSERT, UPDATE, DELETE are granted to dbops_case_app
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy seeing on visit for select using (org_id = 1);
alter table visit enable row level security;
alter table visit owner to dbops_case_app;

-- case (near miss): for a superuser, and for others than the application
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app superuser;
create role dbops_case_audit;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
alter table visit enable row level security, force row level security;
grant select on visit to dbops_case_app, dbops_case_audit;

-- case (near miss): TRUNCATE knows no policies, and a partition is reached by its parent
-- finds: 0
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint, id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
create policy own on visit for select using (org_id = 1);
alter table visit enable row level security, force row level security;
alter table visit_late enable row level security, force row level security;
grant select, truncate on visit to dbops_case_app;
grant select on visit_late to dbops_case_app;
