-- Keys and indexes of the demo ERP. Every key of a tenant table is led by org_id, and every foreign key between tenant
-- tables carries it, so that no row can refer to another tenant's. Each foreign key has an index that begins with its
-- columns; none of the indexes repeats the beginning of another.
set local role erp_owner;
set local maintenance_work_mem = '64MB';
set local jit = off;

alter table public.currencies
    add constraint currencies_pkey primary key (code);

alter table public.orgs
    add constraint orgs_pkey primary key (id),
    add constraint orgs_slug_key unique (slug),
    add constraint orgs_currency_code_fkey foreign key (currency_code) references public.currencies (code);
create index orgs_currency_code_idx on public.orgs (currency_code);

alter table public.users
    add constraint users_pkey primary key (id),
    add constraint users_email_key unique (email);

alter table public.org_memberships
    add constraint org_memberships_pkey primary key (org_id, user_id),
    add constraint org_memberships_org_id_fkey foreign key (org_id) references public.orgs (id),
    add constraint org_memberships_user_id_fkey foreign key (user_id) references public.users (id);
create index org_memberships_user_id_idx on public.org_memberships (user_id);

alter table public.webauthn_credentials
    add constraint webauthn_credentials_pkey primary key (org_id, id),
    add constraint webauthn_credentials_credential_id_key unique (credential_id),
    add constraint webauthn_credentials_member_fkey foreign key (org_id, user_id)
        references public.org_memberships (org_id, user_id) on delete cascade;
create index webauthn_credentials_member_idx on public.webauthn_credentials (org_id, user_id);

alter table public.audit_log
    add constraint audit_log_pkey primary key (org_id, id, at),
    add constraint audit_log_org_id_fkey foreign key (org_id) references public.orgs (id);
create index audit_log_recent_idx on public.audit_log (org_id, at desc);
create index audit_log_action_idx on public.audit_log (org_id, action, at);
create index audit_log_entity_idx on public.audit_log (org_id, entity_type, entity_id);

alter table public.ledger_accounts
    add constraint ledger_accounts_pkey primary key (org_id, id),
    add constraint ledger_accounts_code_key unique (org_id, code),
    add constraint ledger_accounts_org_id_fkey foreign key (org_id) references public.orgs (id);

alter table public.ledger_entries
    add constraint ledger_entries_pkey primary key (org_id, transaction_id, line_no);
create index ledger_entries_account_idx on public.ledger_entries (org_id, account_id, posted_at);
create index ledger_entries_posted_idx on public.ledger_entries (org_id, posted_at);
alter table public.ledger_entries
    add constraint ledger_entries_account_fkey foreign key (org_id, account_id)
        references public.ledger_accounts (org_id, id);

alter table public.customers
    add constraint customers_pkey primary key (org_id, id),
    add constraint customers_code_key unique (org_id, code),
    add constraint customers_org_id_fkey foreign key (org_id) references public.orgs (id);

alter table public.orders
    add constraint orders_pkey primary key (org_id, id),
    add constraint orders_number_key unique (org_id, number);
create index orders_customer_idx on public.orders (org_id, customer_id);
create index orders_status_idx on public.orders (org_id, status, placed_at);
create index orders_open_queue_idx on public.orders (org_id, status, placed_at desc) where status <> 'closed';
alter table public.orders
    add constraint orders_customer_fkey foreign key (org_id, customer_id) references public.customers (org_id, id);

alter table public.order_lines
    add constraint order_lines_pkey primary key (org_id, order_id, line_no),
    add constraint order_lines_order_fkey foreign key (org_id, order_id)
        references public.orders (org_id, id) on delete cascade;

alter table public.order_events
    add constraint order_events_pkey primary key (org_id, id);
create index order_events_order_idx on public.order_events (org_id, order_id, at);
alter table public.order_events
    add constraint order_events_order_fkey foreign key (org_id, order_id)
        references public.orders (org_id, id) on delete cascade;

alter table public.payments
    add constraint payments_pkey primary key (org_id, id),
    add constraint payments_reference_key unique (org_id, reference);
create index payments_order_idx on public.payments (org_id, order_id);
alter table public.payments
    add constraint payments_order_fkey foreign key (org_id, order_id) references public.orders (org_id, id);

reset role;
