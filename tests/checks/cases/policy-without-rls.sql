-- case: policies without effect
-- finds: public.visit
-- says: row-level security is not enabled, so its policies own, theirs have no effect
-- fix: alter table public.visit enable row level security, force row level security;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
create policy theirs on visit for select using (org_id = 2);

-- case: tenants or not
-- finds: public.users
-- says: its policy own has no effect
create table users (id bigint primary key, name text);
create policy own on users using (name = current_user);

-- case: enabled
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): no policy to have no effect
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): exempt
-- finds: 0
-- policy: [tenancy]
-- policy: exempt = [{ table = "visit", reason = "being migrated" }]
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = 1);
