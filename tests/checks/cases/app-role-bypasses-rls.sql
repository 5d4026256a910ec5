-- case: BYPASSRLS
-- finds: dbops_case_app
-- says: has BYPASSRLS, so row-level security does not apply to it
-- fix: alter role dbops_case_app nobypassrls;
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app bypassrls;

-- case: a superuser, said once
-- finds: dbops_case_app
-- says: is a superuser, so row-level security does not apply to it
-- silent: own
-- fix: alter role dbops_case_app nosuperuser;
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app superuser;
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case: it can become a role that has it
-- finds: dbops_case_app
-- says: can become dbops_case_dump, which has BYPASSRLS, as a member of dbops_case_dump
-- fix: revoke dbops_case_dump from dbops_case_app
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app noinherit;
create role dbops_case_dump bypassrls;
grant dbops_case_dump to dbops_case_app;

-- case: it owns a tenant table, forced or not
-- finds: dbops_case_app
-- says: owns public.visit, and can switch row-level security off
-- fix: alter table public.visit owner to dbops_case_owner;
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_owner;
create table room (org_id bigint, id bigint, primary key (org_id, id));
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security, force row level security;
alter table room owner to dbops_case_owner;
alter table visit owner to dbops_case_app;

-- case: it has the rights of the owner, two steps away
-- finds: dbops_case_app
-- says: has the rights of dbops_case_owner, who owns public.visit, as a member of dbops_case_ops, which is a member of dbops_case_owner
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_ops;
create role dbops_case_owner;
grant dbops_case_owner to dbops_case_ops;
grant dbops_case_ops to dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_owner;

-- case: it owns nothing and is nobody else
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_owner;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_owner;

-- case: nobody has said which roles are the application's
-- finds: skip
-- policy: [tenancy]
create role dbops_case_app bypassrls;

-- case: a role that is not there
-- finds: skip
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app", "dbops_case_nobody"]
create role dbops_case_app;

-- case: nobody speaks of tenants
-- finds: skip
create role dbops_case_app bypassrls;

-- case (near miss): it owns what belongs to no tenant
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table currency (code text primary key);
alter table currency owner to dbops_case_app;

-- case (near miss): others may become it, it may become nobody
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_owner;
create role dbops_case_dump bypassrls;
grant dbops_case_app to dbops_case_owner, dbops_case_dump;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_owner;

-- case (near miss): a member who neither inherits nor may SET ROLE, and one who inherits what is never inherited
-- finds: 0
-- server: 16
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_owner;
create role dbops_case_dump bypassrls;
grant dbops_case_owner to dbops_case_app with inherit false, set false;
grant dbops_case_dump to dbops_case_app with inherit true, set false;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_owner;
