-- rule: blind-write-gap
-- object: public.orders
-- plants: the policy for deleting orders is USING (true): a DELETE without WHERE empties every tenant's
drop policy tenant_floor on public.orders;
alter policy app_delete on public.orders using (true);
