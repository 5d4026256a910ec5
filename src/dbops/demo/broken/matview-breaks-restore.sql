-- rule: matview-breaks-restore
-- object: public.daily_orders
-- plants: a materialised view of the orders belongs to erp_owner, who obeys the policies: a restore cannot fill it
set local role erp_owner;
create materialized view public.daily_orders as
select org_id, placed_at::date as day, pg_catalog.count(*) as orders
from public.orders
group by org_id, placed_at::date;
grant select on public.daily_orders to erp_backup;
reset role;
