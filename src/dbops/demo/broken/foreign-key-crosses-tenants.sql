-- rule: foreign-key-crosses-tenants
-- object: public.order_events
-- plants: an order event can refer to another tenant's payment
alter table public.payments add constraint payments_id_key unique (id);
alter table public.order_events
    add column payment_id bigint,
    add constraint order_events_payment_fkey foreign key (payment_id) references public.payments (id);
create index order_events_payment_idx on public.order_events (payment_id);
