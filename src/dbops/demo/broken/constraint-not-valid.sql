-- rule: constraint-not-valid
-- object: public.customers
-- plants: a check on customers.email was added NOT VALID and never validated
-- The release notes promised the second step for the next release.
alter table public.customers add constraint customers_email_check check (email like '%_@_%') not valid;
