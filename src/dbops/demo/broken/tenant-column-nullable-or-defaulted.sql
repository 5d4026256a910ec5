-- rule: tenant-column-nullable-or-defaulted
-- object: public.order_lines
-- plants: order lines without a tenant go to tenant 1 by default
alter table public.order_lines alter column org_id set default 1;
