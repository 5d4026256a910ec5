-- The activity feed of the start page.
select at, actor_id, action, entity_type, entity_id
from public.audit_log
where org_id = %(org_id)s
order by at desc
limit 20
