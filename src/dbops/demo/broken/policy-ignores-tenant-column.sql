-- rule: policy-ignores-tenant-column
-- object: public.payments
-- plants: the policy for reading payments asks for the method and forgets the tenant
drop policy tenant_floor on public.payments;
alter policy app_select on public.payments using (method <> 'card');
