-- rule: tenant-index-missing
-- object: public.order_remarks
-- plants: the remarks on orders are found by their own id alone
set local role erp_owner;
create table public.order_remarks (
    org_id bigint not null,
    id bigint generated always as identity,
    made_at timestamptz not null,
    remark text not null,
    constraint order_remarks_pkey primary key (id)
);
alter table public.order_remarks enable row level security, force row level security;
create policy tenant_floor on public.order_remarks as restrictive
    using (org_id = (select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint))
    with check (org_id = (select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint));
create policy app_select on public.order_remarks for select to erp_app
    using (org_id = (select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint));
create policy app_insert on public.order_remarks for insert to erp_app
    with check (org_id = (select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint));
grant select, insert on public.order_remarks to erp_app;
grant select on public.order_remarks to erp_backup;
grant select on sequence public.order_remarks_id_seq to erp_backup, dbops_audit;
reset role;
-- Not as erp_owner, who sees no order of anybody.
insert into public.order_remarks (org_id, made_at, remark)
select org_id, at, kind || ' by telephone'
from public.order_events
order by org_id, id
limit 900;
