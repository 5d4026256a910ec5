-- case: enabled only, and the application has nothing to do with the owner
-- finds: public.visit
-- says: row-level security is not forced, so its owner dbops_case_owner passes by it
-- silent: application
-- fix: alter table public.visit force row level security;
-- severity: warning
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_owner;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security;
alter table visit owner to dbops_case_owner;

-- case: the application owns the table
-- finds: public.visit
-- says: that is the application's own role
-- severity: error
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security;
alter table visit owner to dbops_case_app;

-- case: the application can become the owner, by way of another role
-- finds: public.visit
-- says: dbops_case_app has its rights, as a member of dbops_case_ops, which is a member of dbops_case_owner
-- severity: error
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app noinherit;
create role dbops_case_ops noinherit;
create role dbops_case_owner;
grant dbops_case_owner to dbops_case_ops;
grant dbops_case_ops to dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security;
alter table visit owner to dbops_case_owner;

-- case: nothing is configured, but row-level security is used
-- finds: public.visit
-- severity: warning
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security;

-- case: forced
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security, force row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): not enabled at all is another rule's
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): exempt, or without a tenant, or a partition
-- finds: 0
-- policy: [tenancy]
-- policy: exempt = [{ table = "visit", reason = "the owner's jobs see to it" }]
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create table currency (code text primary key);
create table event (org_id bigint, at date) partition by range (at);
create table event_late partition of event for values from ('2024-01-01') to ('2030-01-01');
alter table visit enable row level security;
alter table currency enable row level security;
alter table event enable row level security, force row level security;
alter table event_late enable row level security;

-- case (near miss): a member who neither inherits nor may SET ROLE does not have the owner's rights
-- finds: public.visit
-- severity: warning
-- server: 16
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_owner;
grant dbops_case_owner to dbops_case_app with inherit false, set false;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security;
alter table visit owner to dbops_case_owner;
