-- case: a number that each tenant counts
-- finds: public.visit_number_key
-- says: the unique constraint (number) of public.visit is without the tenant column org_id
-- fix: create unique index concurrently ux_visit_org_id_number on public.visit (org_id, number);
-- fix: alter table public.visit drop constraint visit_number_key;
-- fix: alter table public.visit add constraint visit_number_key unique using index ux_visit_org_id_number;
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint generated always as identity, number int not null unique, primary key (org_id, id));

-- case: an index, partial and on an expression
-- finds: public.visit_mail
-- says: the unique index ((lower(mail))) of public.visit
-- fix: where (gone IS NULL);
-- fix: drop index concurrently public.visit_mail;
-- policy: [tenancy]
create table visit (org_id bigint not null, id uuid primary key, mail text, gone date);
create unique index visit_mail on visit (lower(mail)) where gone is null;

-- case: a primary key in words, and one of two columns
-- finds: public.note_pkey, public.visit_pkey
-- says: the primary key
-- policy: [tenancy]
create table visit (org_id bigint not null, code text primary key);
create table note (org_id bigint not null, year int, number int, primary key (year, number));

-- case: a foreign key stands on it, so nothing is offered
-- finds: public.visit_code_key
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint generated always as identity primary key, code text unique);
create table line (visit_code text references visit (code), number int, primary key (visit_code, number));

-- case: deferred
-- finds: public.visit_place_key
-- fix: deferrable initially deferred;
-- policy: [tenancy]
create table visit (org_id bigint not null, id uuid primary key, place int, unique (place) deferrable initially deferred);

-- case: every key begins with the tenant
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint, number int, primary key (org_id, id), unique (org_id, number));
create table currency (code text primary key);

-- case (near miss): the table of tenants itself
-- finds: 0
-- policy: [tenancy]
create table clinic (org_id uuid primary key default gen_random_uuid(), subdomain text not null unique);
create table visit (org_id uuid not null references clinic, id int, primary key (org_id, id));

-- case: a row for each tenant, and yet not the table of tenants
-- finds: public.clinic_setting_phone_key
-- policy: [tenancy]
create table clinic (org_id uuid primary key);
create table clinic_setting (org_id uuid primary key references clinic, phone text unique);
create table visit (org_id uuid not null references clinic, id int, primary key (org_id, id));

-- case: nobody speaks of tenants
-- finds: skip
create table visit (org_id bigint not null, id bigint primary key, number int unique);

-- case (near miss): surrogates
-- finds: 0
-- policy: [tenancy]
create function token() returns text language sql volatile as 'select md5(random()::text)';
create table visit (org_id bigint not null, id bigint primary key, ref uuid unique, link text not null default token() unique, n bigserial unique);
create table event (org_id bigint not null, id bigint generated always as identity, at date, primary key (id, at)) partition by range (at);

-- case (near miss): a passkey is one of the whole system
-- finds: 0
-- policy: [tenancy]
create table webauthn_credentials (org_id bigint not null, id bigint primary key, credential_id bytea not null unique);

-- case (near miss): the row it hangs on is some tenant's
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint not null, id bigint primary key);
create table line (org_id bigint not null, visit_id bigint references visit, number int, primary key (visit_id, number));

-- case (near miss): the tenant stands in the expression, or in the predicate
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint, id uuid primary key, code text);
create unique index on visit (coalesce(org_id, 0), code);
create unique index on visit (code) where org_id is null;

-- case (near miss): not unique, or not valid
-- finds: 0
-- policy: [tenancy]
create table visit (org_id bigint, id uuid primary key, code text);
create index on visit (code);
create unique index wanted on visit (code, id);
create unique index broken on visit (code);
update pg_index set indisvalid = false where indexrelid = 'broken'::regclass;

-- case: what is generated from other columns is no surrogate
-- finds: public.visit_mail_key
-- policy: [tenancy]
create table visit (org_id bigint not null, id uuid primary key, address text, mail text generated always as (lower(address)) stored unique);
