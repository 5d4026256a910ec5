-- What happened to one order.
select kind, at
from public.order_events
where org_id = %(org_id)s and order_id = %(order_id)s
order by at
