-- case: made by a superuser
-- finds: public.listing
-- says: dbops_case_app read public.visit by it as
-- says: to whom row-level security does not apply
-- severity: error
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = 1);
create view listing as select * from visit;
grant select on visit, listing to dbops_case_app;

-- case: the option mends it from 15 on
-- finds: public.listing
-- fix: alter view public.listing set (security_invoker = true);
-- server: 15
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
create view listing as select * from visit;
grant select on visit, listing to dbops_case_app;

-- case: made by the owner of a table that is not forced
-- finds: public.listing
-- policy: [tenancy]
create role dbops_case_owner;
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_owner;
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
create view listing as select * from visit;
alter view listing owner to dbops_case_owner;
grant select on listing to dbops_case_app;

-- case: by way of another view, which only the first one's owner may read
-- finds: public.inner_listing
-- policy: [tenancy]
create role dbops_case_boss bypassrls;
create role dbops_case_owner;
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
create view inner_listing as select * from visit;
alter view inner_listing owner to dbops_case_boss;
grant select on visit to dbops_case_boss;
create view listing as select id from inner_listing;
alter view listing owner to dbops_case_owner;
grant select on inner_listing to dbops_case_owner;
grant select on listing to dbops_case_app;

-- case: only written to, of a table that is yet to be protected
-- finds: public.listing
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create view listing as select * from visit;
grant insert on listing to public;

-- case: it asks for the tenant itself
-- finds: public.listing
-- says: it asks for a setting itself, which may be the tenant
-- severity: warning
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = 1);
create view listing with (security_barrier) as
    select * from visit where org_id = (select nullif(current_setting('app.org_id', true), '')::bigint);
grant select on visit, listing to dbops_case_app;

-- case: it asks as whoever asks
-- finds: 0
-- server: 15
-- policy: [tenancy]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
create view listing with (security_invoker) as select * from visit;
create view outer_listing as select * from listing;
grant select on visit, listing, outer_listing to dbops_case_app;

-- case: its owner obeys the policies
-- finds: 0
-- policy: [tenancy]
create role dbops_case_owner;
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_owner;
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = 1);
create view listing as select * from visit;
alter view listing owner to dbops_case_owner;
grant select on listing to dbops_case_app;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create view listing as select * from visit;
grant select on listing to public;

-- case (near miss): the application may not read it
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_report;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
create view listing as select * from visit;
grant select on listing to dbops_case_report;
grant select on visit to dbops_case_app;

-- case (near miss): the table has no tenants, or is exempt
-- finds: 0
-- policy: [tenancy]
-- policy: exempt = [{ table = "visit", reason = "read by a nightly job only" }]
create role dbops_case_app;
create table currency (code text primary key);
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
create view listing as select * from visit;
create view coins as select * from currency;
grant select on listing, coins to dbops_case_app;
