-- rule: repeating-columns
-- object: public.customers
-- plants: customers got three columns for phone numbers
alter table public.customers add column phone1 text, add column phone2 text, add column phone3 text;
