-- rule: unique-key-crosses-tenants
-- object: public.customers_email_key
-- plants: an address can be a customer of one tenant only, and every other tenant is told so
alter table public.customers add constraint customers_email_key unique (email);
