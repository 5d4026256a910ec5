-- rule: integer-exhaustion
-- object: public.invoice_numbers
-- plants: an integer sequence for invoice numbers is 93 % used
set local role erp_owner;
create sequence public.invoice_numbers as integer;
select pg_catalog.setval('public.invoice_numbers', 2000000000);
grant select on sequence public.invoice_numbers to erp_backup, dbops_audit;
reset role;
