-- case: not enabled, without a policy but with a tenant column
-- finds: public.visit
-- says: row-level security is not enabled and there is no policy (expectation visit)
-- fix: create policy tenant_floor on public.visit as restrictive using (clinic_id =
-- fix: alter table public.visit enable row level security, force row level security;
-- policy: [tenancy]
-- policy: columns = ["clinic_id"]
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: rls = "forced"
create table visit (id int primary key, clinic_id bigint);

-- case: not enabled although there are policies
-- finds: public.visit
-- says: row-level security is not enabled, so its policies (1) have no effect
-- fix: alter table public.visit enable row level security, force row level security;
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: rls = "enabled"
create table visit (id int primary key);
create policy own on visit using (id = 1);

-- case: nothing to go by
-- finds: public.visit
-- says: and there is no policy: enabled alone it would hide every row
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: rls = "enabled"
create table visit (id int primary key);

-- case: enabled, not forced
-- finds: public.visit
-- says: row-level security is not forced, so its owner dbops_case_owner passes by it
-- fix: alter table public.visit force row level security;
-- severity: warning
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: rls = "forced"
-- policy: severity = "warning"
create role dbops_case_owner;
create table visit (id int primary key);
create policy own on visit using (id = 1);
alter table visit owner to dbops_case_owner;
alter table visit enable row level security;

-- case: an owner that must not be
-- finds: public.visit
-- says: visits: dbops_case_app owns it
-- fix: alter table public.visit owner to dbops_case_owner;
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: group = "visits"
-- policy: owner_not = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_owner;
create table clinic (id int primary key);
create table visit (id int primary key);
alter table clinic owner to dbops_case_owner;
alter table visit owner to dbops_case_app;

-- case: a member of the owner
-- finds: public.visit
-- says: dbops_case_app has the rights of its owner dbops_case_owner, as a member of dbops_case_owner
-- fix: revoke dbops_case_owner from dbops_case_app
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: owner_not = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_owner;
grant dbops_case_owner to dbops_case_app;
create table visit (id int primary key);
alter table visit owner to dbops_case_owner;

-- case: a superuser is as good as the owner
-- finds: public.visit
-- says: dbops_case_app has its owner's rights, being a superuser
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: owner_not = ["dbops_case_app"]
create role dbops_case_app superuser;
create table visit (id int primary key);

-- case: neither table nor role are there
-- finds: 2
-- says: does not exist
-- policy: [[expect.table]]
-- policy: table = "visits"
-- policy: rls = "enabled"
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: owner_not = ["dbops_case_nobody"]
create table visit (id int primary key);

-- case: a view has no row-level security
-- finds: public.listing
-- says: it is no table
-- policy: [[expect.table]]
-- policy: table = "listing"
-- policy: rls = "enabled"
create view listing as select 1 as one;

-- case: nothing is declared
-- finds: skip
create table visit (id int primary key);

-- case: as declared
-- finds: 0
-- policy: [[expect.table]]
-- policy: id = "all visits"
-- policy: table = "visit"
-- policy: rls = "forced"
-- policy: owner_not = ["dbops_case_app", "dbops_case_other"]
create role dbops_case_app;
create role dbops_case_other;
create table visit (id int primary key);
alter table visit enable row level security, force row level security;

-- case (near miss): enabled is enough where enabled is declared
-- finds: 0
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: rls = "enabled"
create table visit (id int primary key);
alter table visit enable row level security;

-- case (near miss): the owner is a member of the application, not the other way round
-- finds: 0
-- policy: [[expect.table]]
-- policy: table = "visit"
-- policy: owner_not = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_owner;
grant dbops_case_app to dbops_case_owner;
create table visit (id int primary key);
alter table visit owner to dbops_case_owner;

-- case (near miss): a table of that name in another schema is another table
-- finds: 0
-- policy: [[expect.table]]
-- policy: table = "clinic.visit"
-- policy: rls = "forced"
create schema clinic;
create table visit (id int primary key);
create table clinic.visit (id int primary key);
alter table clinic.visit enable row level security, force row level security;
