-- Who touched this order.
select at, actor_id, action
from public.audit_log
where org_id = %(org_id)s and entity_type = 'order' and entity_id = %(order_id)s
order by at
