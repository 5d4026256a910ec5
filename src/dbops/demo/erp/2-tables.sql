-- The tables of the demo ERP, without keys: rows first, keys and indexes after them, is three times as fast.
-- Every table that belongs to a tenant carries org_id, not null and without a default: a forgotten tenant must be an
-- error, not somebody's row. Money is in minor units (cents), moments are timestamptz.
set local role erp_owner;

create table public.currencies (
    code text not null check (code ~ '^[A-Z]{3}$'),
    name text not null,
    minor_units smallint not null check (minor_units between 0 and 4)
);
comment on table public.currencies is 'ISO 4217; the same for every tenant';

create table public.orgs (
    id bigint generated always as identity,
    slug text not null check (slug ~ '^[a-z0-9-]{2,40}$'),
    name text not null,
    currency_code text not null,
    created_at timestamptz not null default pg_catalog.now()
);
comment on table public.orgs is 'The tenants; each keeps its books in one currency';

create table public.users (
    id bigint generated always as identity,
    email text not null check (email = pg_catalog.lower(email) and email like '%_@_%'),
    display_name text not null,
    created_at timestamptz not null default pg_catalog.now()
);
comment on table public.users is 'People; one sign-in may belong to several tenants';

create table public.org_memberships (
    org_id bigint not null,
    user_id bigint not null,
    role text not null check (role in ('owner', 'accountant', 'clerk', 'viewer')),
    created_at timestamptz not null default pg_catalog.now()
);
comment on table public.org_memberships is 'Who may act for which tenant: the grant behind every claimed org_id';

create table public.webauthn_credentials (
    org_id bigint not null,
    id bigint generated always as identity,
    user_id bigint not null,
    credential_id bytea not null check (pg_catalog.octet_length(credential_id) between 16 and 1023),
    public_key bytea not null,
    sign_count bigint not null default 0 check (sign_count >= 0),
    label text not null,
    created_at timestamptz not null default pg_catalog.now(),
    last_used_at timestamptz
);
comment on table public.webauthn_credentials is 'Passkeys; credential_id is unique across tenants, as WebAuthn demands';

create table public.audit_log (
    org_id bigint not null,
    id bigint generated always as identity,
    at timestamptz not null default pg_catalog.now(),
    actor_id bigint,
    action text not null,
    entity_type text not null,
    entity_id bigint not null,
    detail jsonb not null default '{}'
) partition by range (at);
comment on table public.audit_log is 'Who did what, by month; append-only: no role holds UPDATE or DELETE, no policy grants it';
comment on column public.audit_log.actor_id is 'users.id without a foreign key: the log outlives the user; null is the system';

create table public.audit_log_2026_04 partition of public.audit_log for values from ('2026-04-01+00') to ('2026-05-01+00');
create table public.audit_log_2026_05 partition of public.audit_log for values from ('2026-05-01+00') to ('2026-06-01+00');
create table public.audit_log_2026_06 partition of public.audit_log for values from ('2026-06-01+00') to ('2026-07-01+00');
create table public.audit_log_2026_07 partition of public.audit_log for values from ('2026-07-01+00') to ('2026-08-01+00');
create table public.audit_log_2026_08 partition of public.audit_log for values from ('2026-08-01+00') to ('2026-09-01+00');
create table public.audit_log_2026_09 partition of public.audit_log for values from ('2026-09-01+00') to ('2026-10-01+00');
create table public.audit_log_later partition of public.audit_log default;

create table public.ledger_accounts (
    org_id bigint not null,
    id bigint generated always as identity,
    code text not null check (code ~ '^[0-9]{4}$'),
    name text not null,
    kind text not null check (kind in ('asset', 'liability', 'equity', 'revenue', 'expense')),
    created_at timestamptz not null default pg_catalog.now()
);
comment on table public.ledger_accounts is 'The chart of accounts of each tenant';

create sequence public.ledger_transaction_ids as bigint;

create table public.ledger_entries (
    org_id bigint not null,
    transaction_id bigint not null,
    line_no integer not null check (line_no > 0),
    account_id bigint not null,
    posted_at timestamptz not null,
    debit_cents bigint not null default 0 check (debit_cents >= 0),
    credit_cents bigint not null default 0 check (credit_cents >= 0),
    memo text not null,
    check ((debit_cents > 0) <> (credit_cents > 0))
);
comment on table public.ledger_entries is
    'Double entry: debits equal credits in every transaction; append-only, a mistake is reversed by another transaction';
comment on column public.ledger_entries.transaction_id is 'From the sequence ledger_transaction_ids, one per business event';

create table public.customers (
    org_id bigint not null,
    id bigint generated always as identity,
    code text not null,
    name text not null,
    email text not null,
    country_code text not null check (country_code ~ '^[A-Z]{2}$'),
    created_at timestamptz not null default pg_catalog.now()
);

create table public.orders (
    org_id bigint not null,
    id bigint generated always as identity,
    customer_id bigint not null,
    number text not null,
    status text not null check (status in ('open', 'picked', 'shipped', 'closed', 'cancelled')),
    placed_at timestamptz not null,
    closed_at timestamptz,
    check ((status = 'closed') = (closed_at is not null)),
    check (closed_at >= placed_at)
);
comment on column public.orders.number is 'Counted per tenant: two tenants have an SO-000001 each';

create table public.order_lines (
    org_id bigint not null,
    order_id bigint not null,
    line_no integer not null check (line_no > 0),
    sku text not null,
    quantity integer not null check (quantity > 0),
    unit_price_cents bigint not null check (unit_price_cents >= 0)
);

create table public.order_events (
    org_id bigint not null,
    id bigint generated always as identity,
    order_id bigint not null,
    at timestamptz not null,
    kind text not null check (kind in ('placed', 'picked', 'shipped', 'closed', 'cancelled'))
);

create table public.payments (
    org_id bigint not null,
    id bigint generated always as identity,
    order_id bigint not null,
    reference text not null,
    method text not null check (method in ('card', 'transfer', 'direct debit')),
    amount_cents bigint not null check (amount_cents > 0),
    received_at timestamptz not null
);

reset role;
