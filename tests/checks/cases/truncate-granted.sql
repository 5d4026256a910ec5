-- case: all was granted
-- finds: public.visit
-- says: dbops_case_app may TRUNCATE it
-- fix: revoke truncate on public.visit from dbops_case_app;
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
grant all on visit to dbops_case_app;

-- case: by way of a group, and to everybody
-- finds: public.note, public.visit
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_writers;
grant dbops_case_writers to dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create table note (org_id bigint not null, id bigint, primary key (org_id, id));
grant truncate on visit to dbops_case_writers;
grant truncate on note to public;

-- case: nobody has said who the application is
-- finds: public.visit
-- says: "Dbops case", dbops_case_app may TRUNCATE it
-- fix: revoke truncate on public.visit from "Dbops case", dbops_case_app;
-- policy: [tenancy]
create role dbops_case_app;
create role "Dbops case";
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
grant all on visit to dbops_case_app, "Dbops case";

-- case: a partition
-- finds: public.visit_1
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0);
alter table visit_1 enable row level security;
grant truncate on visit_1 to dbops_case_app;

-- case: only what the application needs
-- finds: 0
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
grant select, insert, update, delete on visit to dbops_case_app;

-- case: nobody speaks of tenants
-- finds: skip
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
grant all on visit to dbops_case_app;

-- case (near miss): a table without tenants
-- finds: 0
-- policy: [tenancy]
create role dbops_case_app;
create table currency (code text primary key);
grant all on currency to dbops_case_app;

-- case (near miss): another role than the application's
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_loader;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
grant all on visit to dbops_case_loader;

-- case (near miss): the owner has the right by what it is
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_app;
grant truncate on visit to dbops_case_app;
