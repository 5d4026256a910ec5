-- case: granted with all tables
-- finds: public.visit_1
-- says: dbops_case_app can reach it by its own name, past the policies of public.visit
-- fix: alter table public.visit_1 enable row level security, force row level security;
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0);
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = 1);
grant select, insert on all tables in schema public to dbops_case_app;

-- case: a partition of a partition, to everybody, a single column
-- finds: public.visit_1_1
-- says: PUBLIC can reach it
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0) partition by hash (org_id);
create table visit_1_1 partition of visit_1 for values with (modulus 1, remainder 0);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
grant select (id) on visit_1_1 to public;

-- case: of a table that is yet to be protected
-- finds: public.visit_1
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0);
grant update on visit_1 to dbops_case_app;

-- case: nothing was granted on the partitions
-- finds: 0
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
grant all on visit to dbops_case_app;

-- case: nobody speaks of tenants
-- finds: skip
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0);
grant all on visit_1 to dbops_case_app;

-- case (near miss): enabled without a policy shows nobody a row
-- finds: 0
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
alter table visit_1 enable row level security;
grant all on visit, visit_1 to dbops_case_app;

-- case (near miss): the role that reads it passes by row-level security anyway, or is not the application's
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_dump bypassrls;
create role dbops_case_report;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
grant select on visit_1 to dbops_case_dump, dbops_case_report;

-- case (near miss): a partition of a table without tenants
-- finds: 0
-- policy: [tenancy]
create role dbops_case_app;
create table event (id bigint primary key) partition by hash (id);
create table event_1 partition of event for values with (modulus 1, remainder 0);
grant select on event_1 to dbops_case_app;
