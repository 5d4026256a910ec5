-- case: it reads the tenant
-- finds: public.tenant()
-- says: is IMMUTABLE and reads app.org_id; policies call it
-- fix: alter function public.tenant() stable;
create function tenant() returns bigint immutable language sql
    as $$ select nullif(current_setting('app.org_id', true), '')::bigint $$;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select tenant()));
alter table visit enable row level security, force row level security;

-- case: no policy calls it, and it takes arguments
-- finds: tenancy."Tenant"(text, integer)
-- silent: policies
-- fix: alter function tenancy."Tenant"(text, integer) stable;
-- policy: [tenancy]
create schema tenancy;
create function tenancy."Tenant"(text, int) returns bigint immutable language plpgsql
    as $$ begin return nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint; end $$;

-- case: another setting, in a policy
-- finds: public.tenant()
-- policy: [tenancy]
create function tenant() returns bigint immutable language sql
    as $$ select nullif(current_setting('app.clinic', true), '')::bigint $$;
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (org_id = (select tenant()));
alter table visit enable row level security, force row level security;

-- case: stable
-- finds: 0
-- policy: [tenancy]
create function tenant() returns bigint stable language sql
    as $$ select nullif(current_setting('app.org_id', true), '')::bigint $$;

-- case: nobody speaks of tenants
-- finds: skip
create function tenant() returns bigint immutable language sql
    as $$ select nullif(current_setting('app.org_id', true), '')::bigint $$;

-- case (near miss): another setting, in no policy
-- finds: 0
-- policy: [tenancy]
create function zone() returns text immutable language sql as $$ select current_setting('app.zone', true) $$;

-- case (near miss): immutable and in a policy, but it reads nothing
-- finds: 0
create function halved(bigint) returns bigint immutable language sql as 'select $1 / 2';
create table visit (org_id bigint, id bigint, primary key (org_id, id));
create policy own on visit using (halved(org_id) = 1);
alter table visit enable row level security, force row level security;
