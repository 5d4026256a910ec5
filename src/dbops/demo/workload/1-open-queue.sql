-- What the dispatch screen polls.
select number, status, placed_at
from public.orders
where status <> 'closed'
order by placed_at desc
limit 50
