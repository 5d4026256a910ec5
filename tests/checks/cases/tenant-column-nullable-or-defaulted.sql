-- case: a tenant that may be missing
-- finds: public.visit
-- says: the tenant column org_id may be null
-- silent: default
-- fix: alter table public.visit alter column org_id set not null;
-- policy: [tenancy]
create table visit (org_id bigint, id bigint primary key);

-- case: a tenant by default
-- finds: public.visit
-- says: the tenant column org_id has the default 1
-- silent: null
-- fix: alter table public.visit alter column org_id drop default;
-- policy: [tenancy]
create table visit (org_id bigint not null default 1, id bigint, primary key (org_id, id));

-- case: both, with a name that has to be quoted, in words and cast
-- finds: public.visit
-- says: has the default 'acme'::character varying and may be null
-- policy: [tenancy]
-- policy: columns = ["Org"]
create table visit ("Org" varchar(20) default 'acme', id bigint primary key);

-- case: negative, in a partitioned table
-- finds: public.visit
-- says: has the default
-- policy: [tenancy]
create table visit (org_id bigint not null default -1, id bigint, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0);

-- case: as numeric
-- finds: public.visit
-- policy: [tenancy]
create table visit (org_id numeric not null default 0.0, id bigint, primary key (org_id, id));

-- case: it has to be said
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create table note (id bigint primary key, text text default 'none');

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint default 1, id bigint primary key);

-- case (near miss): the default asks for the tenant, or makes one
-- finds: 0
-- policy: [tenancy]
create table org (org_id bigserial primary key);
create function tenant() returns bigint language sql stable as 'select 7';
create table visit (
    org_id bigint not null default nullif(current_setting('app.org_id', true), '')::bigint, id bigint, primary key (org_id, id)
);
create table note (org_id bigint not null default tenant(), id bigint, primary key (org_id, id));


-- case (near miss): exempt
-- finds: 0
-- policy: [tenancy]
-- policy: exempt = [{ table = "visit", reason = "rows without a tenant are everybody's" }]
create table visit (org_id bigint, id bigint primary key);
