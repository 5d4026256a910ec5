-- rule: view-bypasses-rls
-- object: public.open_orders
-- plants: a superuser made a view of the open orders, and it shows every tenant's to the application
create view public.open_orders as
select org_id, id, number, customer_id, placed_at
from public.orders
where status = 'open';
grant select on public.open_orders to erp_app, erp_backup;
