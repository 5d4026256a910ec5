-- case: DELETE goes further than SELECT
-- finds: public.visit
-- says: DELETE without a WHERE reaches the rows of every tenant, by its policy removing; SELECT shows one tenant's
-- fix: alter policy removing on public.visit using (org_id = (select
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy seeing on visit for select using (org_id = 1);
create policy removing on visit for delete using (true);
alter table visit enable row level security, force row level security;

-- case: UPDATE looks at something else, with a check for the new row
-- finds: public.visit
-- says: UPDATE without a WHERE reaches
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, done boolean, primary key (org_id, id));
create policy seeing on visit for select using (org_id = 1);
create policy changing on visit for update using (not done) with check (org_id = 1);
alter table visit enable row level security, force row level security;

-- case: the floor is for SELECT alone
-- finds: public.visit
-- says: UPDATE and DELETE without a WHERE reach the rows of every tenant, by its policy everything
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy floor on visit as restrictive for select using (org_id = 1);
create policy everything on visit using (true) with check (org_id = 1);
alter table visit enable row level security, force row level security;

-- case: nothing is shown, everything can go
-- finds: public.visit
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy removing on visit for delete using (true);
alter table visit enable row level security, force row level security;

-- case: as far as SELECT
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy seeing on visit for select using (org_id = 1);
create policy removing on visit for delete using (org_id = 1);
alter table visit enable row level security, force row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): the floor holds
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy floor on visit as restrictive using (org_id = 1);
create policy seeing on visit for select using (org_id = 1);
create policy removing on visit for delete using (true);
alter table visit enable row level security, force row level security;

-- case (near miss): nobody was granted DELETE
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy seeing on visit for select using (org_id = 1);
create policy removing on visit for delete using (true);
alter table visit enable row level security, force row level security;
grant select, update on visit to dbops_case_app;

-- case (near miss): SELECT is as wide, which is another rule's
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy seeing on visit for select using (true);
create policy removing on visit for delete using (true);
alter table visit enable row level security, force row level security;
