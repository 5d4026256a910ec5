-- case: it may read everything, and obeys
-- finds: dbops_case_dump
-- says: reads every table, but obeys policies of public.visit
-- fix: alter role dbops_case_dump bypassrls;
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_dump;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create table currency (code text primary key);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
grant select on visit, currency to dbops_case_dump;
grant select, insert on visit, currency to dbops_case_app;

-- case: by the role that was made for it, before there is anything to obey
-- finds: dbops_case_dump
-- says: will obey, once there are any, policies of public.visit
-- severity: warning
-- server: 14
-- policy: [tenancy]
create role dbops_case_dump;
grant pg_read_all_data to dbops_case_dump;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));

-- case: a member of those who read everything, once
-- finds: dbops_case_dump
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_readers;
create role dbops_case_dump;
grant dbops_case_readers to dbops_case_dump;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = 1);
grant select on visit to dbops_case_readers;

-- case: it passes by row-level security
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_dump bypassrls;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
grant select on visit to dbops_case_dump;

-- case: nobody speaks of tenants
-- finds: skip
create role dbops_case_dump;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
grant select on visit to dbops_case_dump;

-- case (near miss): it reads some tables, or writes one
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_report;
create role dbops_case_loader;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create table currency (code text primary key);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
grant select on visit to dbops_case_report;
grant select on visit, currency to dbops_case_loader;
grant insert on currency to dbops_case_loader;

-- case (near miss): the application reads everything, in one of its roles
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_reader;
create role dbops_case_app;
grant dbops_case_reader to dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
grant select on visit to dbops_case_reader;

-- case (near miss): declared to obey
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
-- policy: [[expect.role]]
-- policy: role = "dbops_case_report"
-- policy: bypassrls = false
create role dbops_case_app;
create role dbops_case_report;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
grant select on visit to dbops_case_report;
