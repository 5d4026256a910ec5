-- case: a summary by tenant
-- finds: public.summary
-- says: dbops_case_app may read it, and it holds what public.visit had of all tenants
-- fix: revoke select on public.summary from dbops_case_app;
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create materialized view summary as select org_id, count(*) from visit group by org_id;
grant select on summary to dbops_case_app;

-- case: by way of a view and another materialised view, to everybody
-- finds: public.summary
-- fix: revoke select on public.summary from public;
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create view listing as select * from visit;
create materialized view kept as select * from listing;
create materialized view summary as select count(*) from kept;
grant select on summary to public;

-- case: nobody but the owner may read it
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create materialized view summary as select org_id, count(*) from visit group by org_id;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create materialized view summary as select org_id, count(*) from visit group by org_id;
grant select on summary to public;

-- case (near miss): a view with the tenant condition stands before it
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create role dbops_case_report;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create materialized view summary as select org_id, count(*) from visit group by org_id;
create view mine with (security_barrier) as
    select * from summary where org_id = (select nullif(current_setting('app.org_id', true), '')::bigint);
grant select on mine to dbops_case_app;
grant select on summary to dbops_case_report;

-- case (near miss): nothing of tenants in it, or exempt
-- finds: 0
-- policy: [tenancy]
-- policy: exempt = [{ table = "total", reason = "one figure, of everybody" }]
create role dbops_case_app;
create table currency (code text primary key);
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create materialized view coins as select code from currency;
create materialized view total as select count(*) from visit;
grant select on coins, total to dbops_case_app;
