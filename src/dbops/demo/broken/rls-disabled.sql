-- rule: rls-disabled
-- object: public.order_returns
-- plants: a new tenant table on which nobody enabled row-level security
set local role erp_owner;
create table public.order_returns (
    org_id bigint not null,
    id bigint generated always as identity,
    order_id bigint not null,
    reason text not null,
    received_at timestamptz not null,
    constraint order_returns_pkey primary key (org_id, id),
    constraint order_returns_order_fkey foreign key (org_id, order_id) references public.orders (org_id, id)
);
create index order_returns_order_idx on public.order_returns (org_id, order_id);
reset role;  -- the owner obeys the policies, and would copy nothing
insert into public.order_returns (org_id, order_id, reason, received_at)
select org_id, id, 'damaged in transit', closed_at + interval '5 days'
from public.orders
where id <= 400 and status = 'closed'
order by id;
set local role erp_owner;
grant select, insert, update, delete on public.order_returns to erp_app;
grant select on public.order_returns to erp_backup;
grant select on sequence public.order_returns_id_seq to erp_backup, dbops_audit;
reset role;
