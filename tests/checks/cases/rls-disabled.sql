-- case: one tenant table among others was forgotten
-- finds: public.visit
create table clinic (org_id bigint, id bigint, primary key (org_id, id));
alter table clinic enable row level security;
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case: configured columns
-- finds: public.visit
-- policy: [tenancy]
-- policy: columns = ["tenant", "Org"]
create table visit (id bigint primary key, "Org" uuid);
create table listing (id bigint primary key, org_id bigint);

-- case: listed, its tenant told by another table
-- finds: public.visit_note
-- says: is listed as a tenant table and no row-level security
-- policy: [tenancy]
-- policy: tables = ["visit_note"]
create table visit_note (visit_id bigint primary key);

-- case: a listed table that is not there
-- finds: skip
-- policy: [tenancy]
-- policy: tables = ["visit_notes"]
create table visit_note (visit_id bigint primary key);

-- case: a foreign table, which has no row-level security
-- finds: public.visit
-- says: app may read it, it has the tenant column org_id, and a foreign table has no row-level security
-- fix: revoke select on public.visit from app;
-- policy: [tenancy]
-- policy: app_roles = ["app"]
create role app;
create foreign data wrapper none;
create server elsewhere foreign data wrapper none;
create foreign table visit (org_id bigint, id bigint) server elsewhere;
grant select on visit to app;

-- case (near miss): foreign tables that the application does not read, that are exempt, or of no tenant
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["app"]
-- policy: exempt = [{ table = "public.rate", reason = "the same for everybody" }]
create role app;
create role loader;
create foreign data wrapper none;
create server elsewhere foreign data wrapper none;
create foreign table visit (org_id bigint, id bigint) server elsewhere;
grant select on visit to loader;
create foreign table rate (org_id bigint, id bigint) server elsewhere;
create foreign table day (id bigint) server elsewhere;
grant select on rate, day to app;

-- case (near miss): policies without effect are another rule's
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);

-- case: a pack means tenants
-- finds: public.visit
-- policy: [audit]
-- policy: packs = ["erp"]
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case: everywhere enabled
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, primary key (org_id, id));
alter table visit enable row level security;
create table currency (code text primary key);

-- case (near miss): exempt, with a reason
-- finds: 0
-- policy: [tenancy]
-- policy: exempt = [{ table = "visit", reason = "read by a nightly job only" }]
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): partitions and views are judged elsewhere
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, at date) partition by range (at);
create table visit_late partition of visit for values from ('2024-01-01') to ('2030-01-01');
alter table visit enable row level security;
create view looking as select org_id from visit;

-- case (near miss): a column that merely sounds like one
-- finds: 0
-- policy: [tenancy]
create table visit (id bigint primary key, "Org_Id" bigint, org_id_old bigint);
