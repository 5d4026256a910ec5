-- rule: fk-type-mismatch
-- object: public.payments
-- plants: payments.order_id is an integer, the order it refers to has a bigint
alter table public.payments alter column order_id type integer;
