-- rule: expected-index-decoy
-- object: public.orders
-- plants: the open-queue index has the right name over the wrong rows (status = 'open', not status <> 'closed')
-- CREATE INDEX IF NOT EXISTS looks at the name alone, so every later migration is content with it.
drop index public.orders_open_queue_idx;
create index orders_open_queue_idx on public.orders (org_id, status, placed_at desc) where status = 'open';
