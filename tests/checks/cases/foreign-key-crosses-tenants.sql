-- case: by the surrogate alone
-- finds: public.line
-- says: foreign key line_visit_id_fkey to public.visit on (visit_id) does not carry the tenant column org_id
-- fix: create unique index concurrently ux_visit_org_id_id on public.visit (org_id, id);
-- fix: create index concurrently ix_line_org_id_visit_id on public.line (org_id, visit_id);
-- fix: foreign key (org_id, visit_id) references public.visit (org_id, id) on delete cascade not valid;
-- fix: alter table public.line validate constraint line_org_id_visit_id_fkey;
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key);
create index on visit (org_id);
create table line (org_id bigint not null, id bigint primary key, visit_id bigint references visit on delete cascade);
create index on line (visit_id);

-- case: to the table itself, deferred, with the index that it needs
-- finds: public.visit
-- fix: deferrable initially deferred not valid
-- policy: [tenancy]
create table visit (
    org_id bigint not null, id bigint primary key, earlier bigint references visit deferrable initially deferred, unique (org_id, id)
);
create index on visit (earlier, org_id);

-- case: what is set to null is not the tenant
-- finds: public.line
-- fix: on delete set null (visit_id) not valid
-- server: 15
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key);
create table line (org_id bigint not null, id bigint primary key, visit_id bigint references visit on delete set null);

-- case: the tenant of one is compared with something else of the other
-- finds: public.line
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, room bigint, primary key (room, id));
create table line (org_id bigint not null, id bigint primary key, visit_id bigint, foreign key (org_id, visit_id) references visit);

-- case: partitioned, reported once and left to a person
-- finds: public.line
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key);
create table line (org_id bigint not null, id bigint, visit_id bigint references visit) partition by hash (id);
create table line_1 partition of line for values with (modulus 1, remainder 0);

-- case: the one that carries the tenant was never validated
-- finds: public.line
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key, unique (org_id, id));
create table line (org_id bigint not null, id bigint primary key, visit_id bigint references visit);
alter table line add foreign key (org_id, visit_id) references visit (org_id, id) not valid;

-- case: it carries the tenant
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, primary key (org_id, id));
create table line (org_id bigint not null, id bigint, visit_id bigint, primary key (org_id, id), foreign key (org_id, visit_id) references visit);

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint not null, id bigint primary key);
create table line (org_id bigint not null, id bigint primary key, visit_id bigint references visit);

-- case (near miss): what it refers to has no tenants
-- finds: 0
-- policy: [tenancy]
-- policy: exempt = [{ table = "model", reason = "the same for everybody" }]
create table org (id bigint primary key);
create table model (org_id bigint, code text primary key);
create table visit (org_id bigint not null references org, id bigint primary key, model text references model);

-- case (near miss): another one, validated, carries it
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key, unique (org_id, id));
create table line (
    org_id bigint not null, id bigint primary key, visit_id bigint references visit, foreign key (org_id, visit_id) references visit (org_id, id)
);

-- case (near miss): the tenants have other names, and come last
-- finds: 0
-- policy: [tenancy]
-- policy: columns = ["org_id", "tenant"]
create table visit (id bigint, tenant bigint, primary key (id, tenant));
create table line (visit_id bigint, org_id bigint not null, foreign key (visit_id, org_id) references visit);
