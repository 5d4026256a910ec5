-- What the dispatch screen polls.
select number, status, placed_at
from public.orders
where org_id = %(org_id)s and status <> 'closed'
order by placed_at desc
limit 50
