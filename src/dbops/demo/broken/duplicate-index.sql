-- rule: duplicate-index
-- object: public.customers
-- plants: an index repeats the unique key on customers (org_id, code)
create index customers_by_code_idx on public.customers (org_id, code);
