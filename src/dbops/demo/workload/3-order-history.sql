-- What happened to one order.
select kind, at
from public.order_events
where order_id = %(order_id)s
order by at
