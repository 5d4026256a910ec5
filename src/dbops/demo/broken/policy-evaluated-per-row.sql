-- rule: policy-evaluated-per-row
-- object: public.delivery_notes
-- plants: the policy of the delivery notes asks for the tenant once a row
set local role erp_owner;
create table public.delivery_notes (
    org_id bigint not null,
    id bigint generated always as identity,
    order_id bigint not null,
    carrier text not null,
    constraint delivery_notes_pkey primary key (org_id, id),
    constraint delivery_notes_order_fkey foreign key (org_id, order_id) references public.orders (org_id, id)
);
create index delivery_notes_order_idx on public.delivery_notes (org_id, order_id);
reset role;  -- the owner obeys the policies, and would copy nothing
insert into public.delivery_notes (org_id, order_id, carrier)
select org_id, id, 'parcel service'
from public.orders
where id <= 200
order by id;
set local role erp_owner;
alter table public.delivery_notes enable row level security, force row level security;
create policy tenant_floor on public.delivery_notes as restrictive
    using (org_id = (select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint));
create policy app_rows on public.delivery_notes to erp_app
    using (org_id = nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint);
grant select, insert, update, delete on public.delivery_notes to erp_app;
grant select on public.delivery_notes to erp_backup;
grant select on sequence public.delivery_notes_id_seq to erp_backup, dbops_audit;
reset role;
