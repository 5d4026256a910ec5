-- case: outside of a sub-select
-- finds: public.visit
-- says: its policy own reads the tenant for each row, not once for a statement
-- fix: using ((org_id = ((select nullif(current_setting('app.org_id', true), '')))::bigint));
-- severity: info
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = nullif(current_setting('app.org_id', true), '')::bigint);
alter table visit enable row level security, force row level security;

-- case: one form beside the other
-- finds: public.visit
-- says: its policy own reads
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (
    org_id = (select nullif(current_setting('app.org_id', true), '')::bigint)
    and nullif(current_setting('app.org_id', true), '')::bigint is not null
);
create policy floor on visit as restrictive
    using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
alter table visit enable row level security, force row level security;

-- case: a function without arguments
-- finds: public.visit
-- fix: using ((org_id = (select public.tenant())));
create function tenant() returns bigint stable language sql
    as $$ select nullif(current_setting('app.org_id', true), '')::bigint $$;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = tenant());
alter table visit enable row level security, force row level security;

-- case: in a sub-select
-- finds: 0
create function tenant() returns bigint stable language sql
    as $$ select nullif(current_setting('app.org_id', true), '')::bigint $$;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));
create policy other on visit using (org_id = (select tenant()));
alter table visit enable row level security, force row level security;

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint, id bigint, primary key (org_id, id));

-- case (near miss): a function that is given a column has to be called for each row
-- finds: 0
create function may_see(bigint) returns boolean stable language sql as 'select $1 = 1';
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (may_see(org_id));
alter table visit enable row level security, force row level security;

-- case (near miss): only in a literal, or with a parenthesis in one
-- finds: 0
create table visit (org_id bigint, id bigint, note text, primary key (org_id, id));
create policy own on visit using (
    org_id = (select nullif(current_setting('app.org_id', true), '')::bigint where ')' <> '(') and note <> 'current_setting('
);
alter table visit enable row level security, force row level security;
