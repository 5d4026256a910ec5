-- rule: write-check-missing
-- object: public.order_lines
-- plants: the policy for new order lines is WITH CHECK (true)
drop policy tenant_floor on public.order_lines;
alter policy app_insert on public.order_lines with check (true);
