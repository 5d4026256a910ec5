-- A customer is on the phone and reads out the number.
select id, customer_id, status, placed_at
from public.orders
where org_id = %(org_id)s and number = %(order_number)s
