-- case: it looks at something else
-- finds: public.visit
-- says: its policy mine does not look at the tenant column org_id
-- fix: alter policy mine on public.visit using ((doctor = CURRENT_USER) and org_id = (select
create table visit (org_id bigint, id bigint, doctor name, primary key (org_id, id));
create policy mine on visit using (doctor = current_user);
alter table visit enable row level security, force row level security;

-- case: a column in mixed case, and one that merely sounds like it
-- finds: public.visit
-- says: does not look at the tenant column "Org"
-- fix: and "Org" = (select nullif(current_setting('app.org_id', true), '')::uuid)
-- policy: [tenancy]
-- policy: columns = ["Org"]
create table visit ("Org" uuid, org uuid, id bigint primary key);
create policy mine on visit using (org is not null and id > 0);
alter table visit enable row level security, force row level security;

-- case: only when it is written
-- finds: public.visit
-- policy: [tenancy]
create table visit (org_id bigint, id bigint, doctor name, primary key (org_id, id));
create policy mine on visit using (doctor = current_user) with check (org_id = 1);
alter table visit enable row level security, force row level security;

-- case: OR puts something else in the place of the tenant
-- finds: public.note, public.visit
-- severity: warning
-- says: lets a condition that does not look at the tenant stand, by OR, for its tenant condition
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (
    org_id = (select nullif(current_setting('app.org_id', true), '')::bigint)
    or (select current_setting('app.admin', true)) = 'on'
);
alter table visit enable row level security, force row level security;
create table note (org_id bigint, id bigint, open boolean, primary key (org_id, id));
create policy own on note for select using (org_id = 1);
create policy del on note for delete using ((org_id = 1 or open) and (org_id = 1 or id > 0));
alter table note enable row level security, force row level security;

-- case (near miss): OR beneath AND, or closed by a restrictive policy
-- finds: 0
create table visit (org_id bigint, id bigint, open boolean, primary key (org_id, id));
create policy own on visit using ((open or id > 0) and org_id = 1 or (org_id = 2 and open));
alter table visit enable row level security, force row level security;
create table note (org_id bigint, id bigint, open boolean, primary key (org_id, id));
create policy own on note using (org_id = 1 or open);
create policy floor on note as restrictive using (org_id = 1);
alter table note enable row level security, force row level security;

-- case: held to the tenant
-- finds: 0
create table visit (org_id bigint, id bigint, doctor name, primary key (org_id, id));
create policy mine on visit using (doctor = current_user and org_id = 1);
alter table visit enable row level security, force row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): a restrictive policy looks
-- finds: 0
create table visit (org_id bigint, id bigint, doctor name, primary key (org_id, id));
create policy mine on visit using (doctor = current_user);
create policy floor on visit as restrictive using (org_id = 1);
alter table visit enable row level security, force row level security;

-- case (near miss): a function is given the whole row
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create function may_see(visit) returns boolean stable language sql as 'select $1.org_id = 1';
create policy mine on visit using (may_see(visit));
alter table visit enable row level security, force row level security;

-- case (near miss): by way of another tenant table, whose own policies count
-- finds: 0
create table visit (org_id bigint, id bigint unique, primary key (org_id, id));
create policy own on visit using (org_id = 1);
alter table visit enable row level security, force row level security;
create table visit_note (org_id bigint, id bigint primary key, visit_id bigint);
create policy own on visit_note using (exists (select from visit where visit.id = visit_id));
alter table visit_note enable row level security, force row level security;

-- case (near miss): always true is another rule's
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy everybody on visit using (true);
alter table visit enable row level security, force row level security;

-- case (near miss): nobody gets in
-- finds: 0
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy nobody on visit as restrictive using (false);
create policy own on visit using (org_id = 1);
alter table visit enable row level security, force row level security;
