-- rule: dead-tuples
-- object: public.order_events
-- plants: autovacuum was disabled for order_events during a load, and stayed so
alter table public.order_events set (autovacuum_enabled = off);
