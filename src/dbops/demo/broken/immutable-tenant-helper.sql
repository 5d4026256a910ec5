-- rule: immutable-tenant-helper
-- object: public.current_org()
-- plants: the function that tells the tenant says it always returns the same, so that plans keep the first one's
set local role erp_owner;
create function public.current_org() returns bigint
    language sql
    immutable
    set search_path = pg_catalog, pg_temp
    as $org$ select nullif(current_setting('app.org_id', true), '')::bigint $org$;
create table public.credit_notes (
    org_id bigint not null,
    id bigint generated always as identity,
    order_id bigint not null,
    amount_cents bigint not null check (amount_cents > 0),
    constraint credit_notes_pkey primary key (org_id, id),
    constraint credit_notes_order_fkey foreign key (org_id, order_id) references public.orders (org_id, id)
);
create index credit_notes_order_idx on public.credit_notes (org_id, order_id);
insert into public.credit_notes (org_id, order_id, amount_cents)
select org_id, id, id * 100
from public.orders
where id <= 200
order by id;
alter table public.credit_notes enable row level security, force row level security;
create policy tenant_floor on public.credit_notes as restrictive
    using (org_id = (select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint));
create policy app_rows on public.credit_notes to erp_app using (org_id = (select public.current_org()));
grant select, insert, update, delete on public.credit_notes to erp_app;
grant select on public.credit_notes to erp_backup;
grant select on sequence public.credit_notes_id_seq to erp_backup, dbops_audit;
reset role;
