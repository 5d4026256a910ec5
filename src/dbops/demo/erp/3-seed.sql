-- Believable rows, the same in every load: each choice is a hash of the row's number, no random(), no now().
-- dbops_demo.scale multiplies customers and orders (and with them lines, events, payments, postings and the log).
-- Stays clear of commas in text columns: prose with commas is not a list, but a sampled statistic cannot know that.
set local role erp_owner;
set local timezone = 'UTC';
set local work_mem = '64MB';  -- nothing spills, so the temporary-file counters stay at nil
set local jit = off;

-- A die with `sides` faces (0 .. sides - 1), thrown for row `i`; `throw` keeps the choices of one row independent.
create function pg_temp.dice(i bigint, throw bigint, sides bigint) returns bigint
    language sql immutable parallel safe
    as $dice$ select (pg_catalog.hashint8extended(i, throw) & 9223372036854775807) % sides $dice$;

insert into public.currencies (code, name, minor_units)
values
    ('CHF', 'Swiss franc', 2), ('CZK', 'Czech koruna', 2), ('DKK', 'Danish krone', 2), ('EUR', 'Euro', 2),
    ('GBP', 'Pound sterling', 2), ('JPY', 'Yen', 0), ('NOK', 'Norwegian krone', 2), ('PLN', 'Zloty', 2),
    ('SEK', 'Swedish krona', 2), ('USD', 'US dollar', 2);

insert into public.orgs (id, slug, name, currency_code, created_at) overriding system value
select id, slug, name, currency_code, timestamptz '2024-01-08 09:00+00' + id * interval '23 days'
from (values
    (1, 'northwind-bikes', 'Northwind Bikes', 'EUR'), (2, 'harbour-tools', 'Harbour Tools', 'GBP'),
    (3, 'alpine-dairy', 'Alpine Dairy', 'CHF'), (4, 'fjord-textiles', 'Fjord Textiles', 'NOK'),
    (5, 'copper-kettle', 'Copper Kettle Roasters', 'EUR'), (6, 'lindgren-wood', 'Lindgren Woodworks', 'SEK'),
    (7, 'vistula-glass', 'Vistula Glass', 'PLN'), (8, 'moravia-print', 'Moravia Print', 'CZK'),
    (9, 'sound-optics', 'Sound Optics', 'DKK'), (10, 'prairie-seed', 'Prairie Seed', 'USD'),
    (11, 'kite-and-sail', 'Kite and Sail', 'EUR'), (12, 'little-press', 'Little Press', 'EUR')
) as seed (id, slug, name, currency_code);

create temporary table given_names on commit drop as
select ordinality - 1 as i, name
from pg_catalog.unnest(array[
    'Ada', 'Bruno', 'Chiara', 'Dario', 'Elin', 'Farid', 'Greta', 'Hugo', 'Ines', 'Jonas', 'Katja', 'Luca', 'Mira',
    'Nils', 'Olga', 'Pavel', 'Quentin', 'Rosa', 'Selma', 'Tomas', 'Ulla', 'Viktor', 'Wanda', 'Yusuf', 'Zofia'
]) with ordinality as seed (name, ordinality);

create temporary table family_names on commit drop as
select ordinality - 1 as i, name
from pg_catalog.unnest(array[
    'Andersen', 'Bianchi', 'Castro', 'Dvorak', 'Eriksen', 'Fischer', 'Garnier', 'Hansen', 'Ivanov', 'Jansen', 'Keller',
    'Lindqvist', 'Moreau', 'Novak', 'Olsen', 'Petrov', 'Quist', 'Rossi', 'Schmidt', 'Tanaka', 'Urban', 'Vogel', 'Weber'
]) with ordinality as seed (name, ordinality);

insert into public.users (id, email, display_name, created_at) overriding system value
select
    people.id,
    pg_catalog.lower(given.name) || '.' || pg_catalog.lower(family.name) || '.' || people.id || '@example.com',
    given.name || ' ' || family.name,
    timestamptz '2025-01-06 08:00+00' + people.id * interval '31 hours'
from pg_catalog.generate_series(1, 240) as people (id)
inner join given_names as given on given.i = pg_temp.dice(people.id, 1, 25)
inner join family_names as family on family.i = pg_temp.dice(people.id, 2, 23)
order by people.id;

-- Everybody has a home; every fifth works for a second tenant too.
insert into public.org_memberships (org_id, user_id, role, created_at)
select
    1 + (people.id + second * 5) % 12,
    people.id,
    case
        when people.id <= 12 and second = 0 then 'owner'
        else (array['accountant', 'clerk', 'clerk', 'viewer'])[1 + pg_temp.dice(people.id, 3 + second, 4)]
    end,
    people.created_at + second * interval '40 days'
from public.users as people
cross join pg_catalog.generate_series(0, 1) as second
where second = 0 or people.id % 5 = 0
order by 1, 2;

-- One or two passkeys for three of four members; identifiers of 16, 32 or 64 bytes, as authenticators make them.
insert into public.webauthn_credentials
    (org_id, id, user_id, credential_id, public_key, sign_count, label, created_at, last_used_at) overriding system value
select
    org_id,
    pg_catalog.row_number() over (order by org_id, user_id, device),
    user_id,
    case pg_temp.dice(user_id * 100 + org_id, 11, 3)
        when 0 then pg_catalog.substr(key, 1, 16)
        when 1 then key
        else key || pg_catalog.sha256(key)
    end,
    pg_catalog.decode('a5010203262001215820', 'hex') || pg_catalog.sha256(key || '\x01'),
    pg_temp.dice(user_id * 100 + org_id, 12, 400),
    (array['phone', 'security key'])[1 + device],
    created_at + interval '1 day',
    timestamptz '2026-09-29 06:00+00' - pg_temp.dice(user_id * 100 + org_id, 13, 2000) * interval '17 minutes'
from (
    select
        member.org_id,
        member.user_id,
        member.created_at,
        device,
        pg_catalog.sha256(
            pg_catalog.convert_to('passkey ' || member.org_id || '/' || member.user_id || '/' || device, 'UTF8')
        ) as key
    from public.org_memberships as member
    cross join pg_catalog.generate_series(0, 1) as device
    where pg_temp.dice(member.user_id * 100 + member.org_id, 10 + device, 4) > device
) as passkeys
order by org_id, user_id, device;

insert into public.ledger_accounts (org_id, id, code, name, kind, created_at) overriding system value
select org.id, (org.id - 1) * 16 + chart.i, chart.code, chart.name, chart.kind, org.created_at
from public.orgs as org
cross join (values
    (1, '1000', 'Cash', 'asset'), (2, '1100', 'Bank', 'asset'), (3, '1200', 'Accounts receivable', 'asset'),
    (4, '1300', 'Inventory', 'asset'), (5, '1500', 'Machinery', 'asset'), (6, '2000', 'Accounts payable', 'liability'),
    (7, '2200', 'VAT payable', 'liability'), (8, '2400', 'Loans', 'liability'), (9, '3000', 'Share capital', 'equity'),
    (10, '3100', 'Retained earnings', 'equity'), (11, '4000', 'Sales', 'revenue'), (12, '4100', 'Services', 'revenue'),
    (13, '5000', 'Cost of goods', 'expense'), (14, '6000', 'Wages', 'expense'), (15, '6100', 'Rent', 'expense'),
    (16, '6200', 'Card fees', 'expense')
) as chart (i, code, name, kind)
order by org.id, chart.i;

-- Tenants differ in size as they do in life: squaring an even draw gives the first a quarter, the last a twentieth.
insert into public.customers (org_id, id, code, name, email, country_code, created_at) overriding system value
select
    drawn.org_id,
    drawn.id,
    'C-' || pg_catalog.lpad(pg_catalog.row_number() over (partition by drawn.org_id order by drawn.id)::text, 5, '0'),
    given.name || ' ' || family.name || drawn.suffix,
    pg_catalog.lower(given.name) || drawn.id || '@' || pg_catalog.lower(family.name) || '.example',
    (array['DE', 'DK', 'FR', 'GB', 'IT', 'NO', 'PL', 'SE'])[1 + pg_temp.dice(drawn.id, 23, 8)],
    timestamptz '2025-02-03 10:00+00' + pg_temp.dice(drawn.id, 24, 400 * 1440) * interval '1 minute'
from (
    select
        id,
        1 + 12 * pg_temp.dice(id, 20, 1000) * pg_temp.dice(id, 20, 1000) / 1000000 as org_id,
        (array['', '', '', ' AG', ' Ltd', ' and Sons', ' GmbH', ' Trading'])[1 + pg_temp.dice(id, 25, 8)] as suffix
    from pg_catalog.generate_series(
        1, pg_catalog.ceil(1500 * pg_catalog.current_setting('dbops_demo.scale')::numeric)::bigint
    ) as numbers (id)
) as drawn
inner join given_names as given on given.i = pg_temp.dice(drawn.id, 21, 25)
inner join family_names as family on family.i = pg_temp.dice(drawn.id, 22, 23)
order by drawn.id;

-- Half a year of orders in the order they were placed; the older, the more certainly closed.
insert into public.orders (org_id, id, customer_id, number, status, placed_at, closed_at) overriding system value
select
    org_id,
    id,
    customer_id,
    'SO-' || pg_catalog.lpad(pg_catalog.row_number() over (partition by org_id order by id)::text, 6, '0'),
    status,
    placed_at,
    case when status = 'closed' then placed_at + (3 + pg_temp.dice(id, 32, 9)) * interval '1 day' end
from (
    select
        customer.org_id,
        numbers.id,
        customer.id as customer_id,
        timestamptz '2026-04-01 00:00+00' + (numbers.id * 15724800 / sizes.orders) * interval '1 second' as placed_at,
        case
            when pg_temp.dice(numbers.id, 31, 40) = 0 then 'cancelled'
            when numbers.id * 100 / sizes.orders < 90 then 'closed'
            when pg_temp.dice(numbers.id, 33, 12) < numbers.id * 100 / sizes.orders - 88 then 'open'
            else (array['picked', 'shipped', 'shipped'])[1 + pg_temp.dice(numbers.id, 34, 3)]
        end as status
    from (
        select
            pg_catalog.ceil(7000 * pg_catalog.current_setting('dbops_demo.scale')::numeric)::bigint as orders,
            pg_catalog.ceil(1500 * pg_catalog.current_setting('dbops_demo.scale')::numeric)::bigint as customers
    ) as sizes
    cross join lateral pg_catalog.generate_series(1, sizes.orders) as numbers (id)
    inner join public.customers as customer on customer.id = 1 + pg_temp.dice(numbers.id, 30, sizes.customers)
) as drawn
order by id;

insert into public.order_lines (org_id, order_id, line_no, sku, quantity, unit_price_cents)
select
    placed.org_id,
    placed.id,
    line_no,
    'SKU-' || pg_catalog.lpad(pg_temp.dice(placed.id * 8 + line_no, 41, 900)::text, 4, '0'),
    1 + pg_temp.dice(placed.id * 8 + line_no, 42, 6),
    -- The price belongs to the article, so the same article costs the same everywhere.
    490 + 10 * pg_temp.dice(pg_temp.dice(placed.id * 8 + line_no, 41, 900), 43, 2400)
from public.orders as placed
cross join lateral pg_catalog.generate_series(1, 1 + pg_temp.dice(placed.id, 40, 4)) as line_no
order by placed.id, line_no;

insert into public.order_events (org_id, id, order_id, at, kind) overriding system value
select
    org_id,
    pg_catalog.row_number() over (order by at, order_id, stage),
    order_id,
    at,
    kind
from (
    select
        placed.org_id,
        placed.id as order_id,
        step.stage,
        step.kind,
        case step.kind
            when 'placed' then placed.placed_at
            when 'picked' then placed.placed_at + (60 + pg_temp.dice(placed.id, 50, 600)) * interval '1 minute'
            when 'shipped' then placed.placed_at + (700 + pg_temp.dice(placed.id, 51, 2000)) * interval '1 minute'
            when 'closed' then placed.closed_at
            else placed.placed_at + (10 + pg_temp.dice(placed.id, 52, 900)) * interval '1 minute'
        end as at
    from public.orders as placed
    inner join (values
        ('open', 1, 'placed'), ('picked', 1, 'placed'), ('shipped', 1, 'placed'), ('closed', 1, 'placed'),
        ('cancelled', 1, 'placed'), ('cancelled', 2, 'cancelled'), ('picked', 2, 'picked'), ('shipped', 2, 'picked'),
        ('closed', 2, 'picked'), ('shipped', 3, 'shipped'), ('closed', 3, 'shipped'), ('closed', 4, 'closed')
    ) as step (status, stage, kind) on step.status = placed.status
) as history
order by at, order_id, stage;

-- What each shipped order is worth, net, and the VAT on it (20 %, whole cents); shared by payments and postings.
create temporary table invoices on commit drop as
select
    placed.org_id,
    placed.id as order_id,
    placed.number,
    placed.closed_at,
    placed.placed_at + (700 + pg_temp.dice(placed.id, 51, 2000)) * interval '1 minute' as invoiced_at,
    pg_catalog.sum(line.quantity * line.unit_price_cents)::bigint as net_cents,
    (pg_catalog.sum(line.quantity * line.unit_price_cents) * 20 / 100)::bigint as vat_cents
from public.orders as placed
inner join public.order_lines as line on line.order_id = placed.id
where placed.status in ('shipped', 'closed')
group by placed.org_id, placed.id, placed.number, placed.closed_at, placed.placed_at;

insert into public.payments (org_id, id, order_id, reference, method, amount_cents, received_at) overriding system value
select
    org_id,
    pg_catalog.row_number() over (order by closed_at, order_id),
    order_id,
    'PAY-' || pg_catalog.lpad(pg_catalog.row_number() over (partition by org_id order by closed_at, order_id)::text, 6, '0'),
    (array['card', 'transfer', 'transfer', 'direct debit'])[1 + pg_temp.dice(order_id, 60, 4)],
    net_cents + vat_cents,
    closed_at
from invoices
where closed_at is not null
order by closed_at, order_id;

-- Each invoice: receivable against sales and VAT. Each payment: bank against receivable.
insert into public.ledger_entries
    (org_id, transaction_id, line_no, account_id, posted_at, debit_cents, credit_cents, memo)
select org_id, transaction_id, line_no, (org_id - 1) * 16 + account, posted_at, debit_cents, credit_cents, memo
from (
    select
        invoice.org_id, invoice.order_id * 2 - 1 as transaction_id, posting.line_no, posting.account,
        invoice.invoiced_at as posted_at,
        case posting.line_no when 1 then invoice.net_cents + invoice.vat_cents else 0 end as debit_cents,
        case posting.line_no when 1 then 0 when 2 then invoice.net_cents else invoice.vat_cents end as credit_cents,
        'Invoice for ' || invoice.number as memo
    from invoices as invoice
    cross join (values (1, 3), (2, 11), (3, 7)) as posting (line_no, account)
    union all
    select
        payment.org_id, payment.order_id * 2, posting.line_no, posting.account, payment.received_at,
        case posting.line_no when 1 then payment.amount_cents else 0 end,
        case posting.line_no when 1 then 0 else payment.amount_cents end,
        'Payment ' || payment.reference
    from public.payments as payment
    cross join (values (1, 2), (2, 3)) as posting (line_no, account)
) as postings
order by posted_at, transaction_id, line_no;

-- The log: every order and payment, and the sign-ins around them.
insert into public.audit_log (org_id, id, at, actor_id, action, entity_type, entity_id, detail) overriding system value
select
    org_id,
    pg_catalog.row_number() over (order by at, entity_type, entity_id),
    at,
    actor_id,
    action,
    entity_type,
    entity_id,
    detail
from (
    select
        org_id, placed_at as at,
        -- Somebody of the tenant: see org_memberships, where user n has the home 1 + n % 12.
        12 * (1 + pg_temp.dice(id, 70, 19)) + org_id - 1 as actor_id,
        'order.placed' as action, 'order' as entity_type, id as entity_id,
        pg_catalog.jsonb_build_object('number', number) as detail
    from public.orders
    union all
    select
        org_id, received_at, null, 'payment.received', 'payment', id,
        pg_catalog.jsonb_build_object('amount_cents', amount_cents)
    from public.payments
    union all
    select
        member.org_id,
        timestamptz '2026-04-01 06:00+00' + day * interval '1 day'
            + pg_temp.dice(member.user_id * 200 + day, 71, 10 * 3600) * interval '1 second',
        member.user_id, 'user.signed_in', 'user', member.user_id, '{}'
    from public.org_memberships as member
    cross join pg_catalog.generate_series(0, 182, 14) as day
    where pg_temp.dice(member.user_id * 200 + day, 72, 10) > 0
) as happened
order by at, entity_type, entity_id;

drop function pg_temp.dice;

-- The counters go on where the seed ended; an identity that starts at 1 would collide with the first real insert.
do $counters$
declare
    counter record;
    highest bigint;
begin
    for counter in
        select class.relname as table_name, attribute.attname as column_name
        from pg_catalog.pg_attribute as attribute
        inner join pg_catalog.pg_class as class on class.oid = attribute.attrelid
        where
            class.relnamespace = 'public'::pg_catalog.regnamespace
            and not class.relispartition
            and attribute.attidentity <> ''
        order by class.relname
    loop
        execute pg_catalog.format('select max(%I) from public.%I', counter.column_name, counter.table_name) into highest;
        perform pg_catalog.setval(
            pg_catalog.pg_get_serial_sequence('public.' || counter.table_name, counter.column_name), highest
        );
    end loop;
    perform pg_catalog.setval(
        'public.ledger_transaction_ids', (select pg_catalog.max(transaction_id) from public.ledger_entries)
    );
end
$counters$;

reset role;
