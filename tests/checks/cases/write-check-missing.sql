-- case: a check that is always true
-- finds: public.visit
-- says: INSERT and UPDATE take rows of another tenant: the WITH CHECK of its policy own is true
-- fix: alter policy own on public.visit using ((org_id = 1)) with check (org_id = (select
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1) with check (true);
alter table visit enable row level security, force row level security;

-- case: a policy for INSERT that looks at something else
-- finds: public.visit
-- says: INSERT takes rows of another tenant: the WITH CHECK of its policy adding does not look at the tenant
-- fix: alter policy adding on public.visit with check ((id > 0) and org_id = (select
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit for select using (org_id = 1);
create policy adding on visit for insert with check (id > 0);
alter table visit enable row level security, force row level security;

-- case: a restrictive policy that holds only what is there already
-- finds: public.visit
-- says: UPDATE takes rows
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy floor on visit as restrictive using (org_id = 1) with check (true);
create policy seeing on visit for select using (org_id = 1);
create policy changing on visit for update using (org_id = 1) with check (true);
alter table visit enable row level security, force row level security;

-- case: held both ways
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1) with check (org_id = 1);
alter table visit enable row level security, force row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): without a WITH CHECK the USING counts
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security, force row level security;

-- case (near miss): a restrictive policy holds the new row
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy floor on visit as restrictive using (org_id = 1);
create policy own on visit using (org_id = 1) with check (true);
alter table visit enable row level security, force row level security;

-- case (near miss): the application may not write
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1) with check (true);
alter table visit enable row level security, force row level security;
grant select, delete on visit to dbops_case_app;

-- case (near miss): open to readers as well, which is another rule's
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy everybody on visit using (true) with check (true);
alter table visit enable row level security, force row level security;
