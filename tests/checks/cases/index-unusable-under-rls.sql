-- case: an amount in numeric after the tenant column
-- finds: public.visit_price
-- says: under row-level security of public.visit it is no index condition, it can only order rows (price: no operator of numeric_ops is leakproof)
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, price numeric(10, 2), primary key (org_id, id));
create index visit_price on visit (org_id, price);
alter table visit enable row level security, force row level security;
create policy own on visit using (org_id = (select nullif(current_setting('app.org_id', true), '')::bigint));

-- case: documents, words, tags and states
-- finds: public.visit_notes, public.visit_state, public.visit_tags, public.visit_words
-- silent: order rows (notes
-- policy: [tenancy]
create type state as enum ('open', 'closed');
create table visit (org_id bigint not null, id bigint, notes jsonb, words tsvector, tags text[], state state, primary key (org_id, id));
create index visit_notes on visit using gin (notes);
create index visit_words on visit using gin (words);
create index visit_tags on visit using gin (tags);
create index visit_state on visit using hash (state);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);

-- case: an expression calls what may fail aloud
-- finds: public.visit_day, public.visit_mail
-- says: not leakproof
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, mail text, at timestamp, primary key (org_id, id));
create index visit_mail on visit (org_id, lower(mail));
create index visit_day on visit (date_trunc('day', at), org_id);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);

-- case: the tenant is told by another table
-- finds: public.line_price
-- policy: [tenancy]
-- policy: tables = ["line"]
create table visit (org_id bigint not null, id bigint primary key);
create index on visit (org_id);
create table line (visit_id bigint, number int, price numeric, primary key (visit_id, number));
create index line_price on line (price);
alter table line enable row level security;
create policy own on line using (exists (select from visit where visit.id = visit_id));

-- case: of a partitioned table once
-- finds: public.visit_price
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, price numeric, primary key (org_id, id)) partition by hash (id);
create table visit_1 partition of visit for values with (modulus 1, remainder 0);
create index visit_price on visit (org_id, price);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);

-- case: row-level security is still to come
-- finds: public.visit_price
-- says: once there is row-level security of public.visit
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, price numeric, primary key (org_id, id));
create index visit_price on visit (org_id, price);

-- case: types that are compared without a word
-- finds: 0
-- policy: [tenancy]
create table visit (
    org_id bigint not null, id bigint, cents bigint, at timestamptz, name text, code varchar(9), ref uuid, day date, primary key (org_id, id)
);
create index on visit (org_id, cents);
create index on visit (org_id, at desc);
create index on visit (org_id, name);
create index on visit (org_id, code);
create index on visit (org_id, ref);
create index on visit using brin (day);
create index on visit (org_id);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint not null, id bigint, price numeric, primary key (org_id, id));
create index visit_price on visit (org_id, price);

-- case (near miss): the amount comes after something that is searched by, or is only carried along
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, at date, price numeric, primary key (org_id, id));
create index on visit (org_id, at, price);
create index on visit (org_id, at desc) include (price);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);

-- case (near miss): what is unique, or behind a foreign key, works without being searched by a query
-- finds: 0
-- policy: [tenancy]
create table rate (org_id bigint not null, rate numeric, primary key (org_id, rate));
create table visit (
    org_id bigint not null, id bigint, number numeric, rate numeric, primary key (org_id, id), unique (org_id, number),
    foreign key (org_id, rate) references rate
);
create index visit_rate on visit (org_id, rate);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);

-- case (near miss): the application passes by the policies
-- finds: 0
-- policy: [tenancy]
-- policy: app_roles = ["dbops_case_app"]
create role dbops_case_app bypassrls;
create table visit (org_id bigint not null, id bigint, price numeric, primary key (org_id, id));
create index visit_price on visit (org_id, price);
alter table visit enable row level security;
create policy own on visit using (org_id = 1);

-- case (near miss): the policies say nothing that would come first
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, price numeric, primary key (org_id, id));
create index visit_price on visit (org_id, price);
alter table visit enable row level security;
create policy anybody on visit using (true);

-- case (near miss): somebody has promised that it cannot fail aloud
-- finds: 0
-- policy: [tenancy]
create function slug(text) returns text language sql immutable leakproof as 'select lower($1)';
create table visit (org_id bigint not null, id bigint, name text, primary key (org_id, id));
create index visit_slug on visit (org_id, slug(name));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);

-- case (near miss): several expressions, one of them without a call
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, name text, at date, primary key (org_id, id));
create index visit_named on visit (org_id, (name is null), (id = 1), lower(name));
alter table visit enable row level security;
create policy own on visit using (org_id = 1);
