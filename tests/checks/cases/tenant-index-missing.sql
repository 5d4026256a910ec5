-- case: only the key of its own
-- finds: public.visit
-- says: no index begins with the tenant column org_id
-- severity: warning
-- fix: create index concurrently ix_visit_org_id on public.visit (org_id);
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key);

-- case: small so far
-- finds: public.visit
-- says: (400 rows)
-- severity: info
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key);
insert into visit select n % 3, n from generate_series(1, 400) as n;
analyze visit;

-- case: no longer small
-- finds: public.visit
-- severity: warning
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key);
insert into visit select n % 3, n from generate_series(1, 600) as n;
analyze visit;

-- case: the tenant comes second, is carried along, or belongs to some rows only
-- finds: public.visit
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key, at date, gone bool);
create index on visit (at, org_id);
create index on visit (at) include (org_id);
create index on visit (org_id) where not gone;
create index on visit using brin (org_id);

-- case: the one that there was is invalid
-- finds: public.visit
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key);
create index visit_org on visit (org_id);
update pg_index set indisvalid = false where indexrelid = 'visit_org'::regclass;

-- case: one partition is without
-- finds: public.visit
-- fix: on only public.visit (org_id)
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint) partition by hash (id);
create table visit_0 partition of visit for values with (modulus 2, remainder 0);
create table visit_1 partition of visit for values with (modulus 2, remainder 1);
create index on visit_0 (org_id);

-- case: an index, a key, an index of another kind
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key);
create index on visit (org_id, id);
create table note (org_id bigint not null, id bigint, primary key (org_id, id));
create table team (org_id bigint not null, id bigint primary key);
create index on team using hash (org_id);

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint not null, id bigint primary key);

-- case (near miss): partial on what a tenant never is
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint, id bigint primary key);
create index on visit (org_id) where org_id is not null;

-- case (near miss): every partition has its own
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint) partition by hash (id);
create table visit_0 partition of visit for values with (modulus 2, remainder 0);
create table visit_1 partition of visit for values with (modulus 2, remainder 1);
create index on visit_0 (org_id);
create index on visit_1 (org_id);

-- case (near miss): another table tells whose a row is
-- finds: 0
-- policy: [tenancy]
-- policy: tables = ["line"]
create table line (visit_id bigint, number int, primary key (visit_id, number));
