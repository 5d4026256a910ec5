-- rule: app-role-bypasses-rls
-- object: erp_app
-- plants: the application made a table of its own, and can switch its row-level security off
set local role erp_owner;
create table public.import_batches (
    org_id bigint not null,
    id bigint generated always as identity,
    order_id bigint not null,
    file_name text not null,
    constraint import_batches_pkey primary key (org_id, id),
    constraint import_batches_order_fkey foreign key (org_id, order_id) references public.orders (org_id, id)
);
create index import_batches_order_idx on public.import_batches (org_id, order_id);
reset role;  -- the owner obeys the policies, and would copy nothing
insert into public.import_batches (org_id, order_id, file_name)
select org_id, id, 'orders.csv'
from public.orders
where id <= 200
order by id;
set local role erp_owner;
alter table public.import_batches enable row level security, force row level security;
create policy tenant_floor on public.import_batches as restrictive
    using (org_id = (select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint));
create policy app_rows on public.import_batches to erp_app
    using (org_id = (select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint));
grant select, insert, update, delete on public.import_batches to erp_app;
grant select on public.import_batches to erp_backup;
grant select on sequence public.import_batches_id_seq to erp_backup, dbops_audit;
reset role;
alter table public.import_batches owner to erp_app;
