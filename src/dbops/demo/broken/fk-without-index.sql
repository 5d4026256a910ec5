-- rule: fk-without-index
-- object: public.payments
-- plants: nothing covers the foreign key from payments to orders
-- The primary key begins with org_id too, which helps nobody who deletes one order.
drop index public.payments_order_idx;
