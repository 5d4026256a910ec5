-- case: its owner obeys what is forced
-- finds: public.summary
-- says: dbops_case_owner, who fills it, obeys the policies of public.visit, so REFRESH fails in a restore
-- severity: error
-- fix: create role summary_filler nologin bypassrls;
-- fix: grant select on public.visit to summary_filler;
-- fix: alter materialized view public.summary owner to summary_filler;
-- policy: [tenancy]
create role dbops_case_owner;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_owner;
create materialized view summary as select org_id, count(*) from visit group by org_id;
alter materialized view summary owner to dbops_case_owner;
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = 1);

-- case: another role than the owner obeys what is not forced
-- finds: public.summary
-- policy: [tenancy]
create role dbops_case_report;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
grant select on visit to dbops_case_report;
create materialized view summary as select org_id, count(*) from visit group by org_id;
alter materialized view summary owner to dbops_case_report;
alter table visit enable row level security;
create policy own on visit using (org_id = 1);

-- case: not yet
-- finds: public.summary
-- says: will obey, once they are forced
-- severity: warning
-- policy: [tenancy]
create role dbops_case_owner;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_owner;
create materialized view summary as select org_id, count(*) from visit group by org_id;
alter materialized view summary owner to dbops_case_owner;

-- case: the owner of the view on the way obeys
-- finds: public.summary
-- says: dbops_case_owner, who fills it
-- policy: [tenancy]
create role dbops_case_owner;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
alter table visit owner to dbops_case_owner;
create view listing as select * from visit;
alter view listing owner to dbops_case_owner;
create materialized view summary as select org_id, count(*) from listing group by org_id;
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = 1);

-- case: an owner of its own
-- finds: 0
-- policy: [tenancy]
create role dbops_case_filler bypassrls;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
grant select on visit to dbops_case_filler;
create materialized view summary as select org_id, count(*) from visit group by org_id;
alter materialized view summary owner to dbops_case_filler;
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = 1);

-- case: nobody speaks of tenants
-- finds: skip
create role dbops_case_owner;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create materialized view summary as select org_id, count(*) from visit group by org_id;
alter materialized view summary owner to dbops_case_owner;

-- case (near miss): the view on the way reads as an owner who passes by the policies
-- finds: 0
-- policy: [tenancy]
create role dbops_case_owner;
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create view listing as select * from visit;
grant select on listing to dbops_case_owner;
create materialized view summary as select org_id, count(*) from listing group by org_id;
alter materialized view summary owner to dbops_case_owner;
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = 1);

-- case (near miss): what it reads has no tenants
-- finds: 0
-- policy: [tenancy]
create role dbops_case_owner;
create table currency (code text primary key);
grant select on currency to dbops_case_owner;
create materialized view coins as select code from currency;
alter materialized view coins owner to dbops_case_owner;
