-- rule: policy-always-true
-- object: public.customers
-- plants: the policy for reading customers is USING (true), and the floor that would hold it is gone
drop policy tenant_floor on public.customers;
alter policy app_select on public.customers using (true);
