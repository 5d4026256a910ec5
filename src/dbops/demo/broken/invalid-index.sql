-- rule: invalid-index
-- object: public.customers_name_idx
-- plants: an index on customers (org_id, name) was never finished
create index customers_name_idx on public.customers (org_id, name);
update pg_catalog.pg_index
set indisvalid = false
where indexrelid = 'public.customers_name_idx'::pg_catalog.regclass;
