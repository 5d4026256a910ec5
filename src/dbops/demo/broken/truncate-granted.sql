-- rule: truncate-granted
-- object: public.payments
-- plants: somebody granted the application TRUNCATE on payments, to which no policy applies
grant truncate on public.payments to erp_app;
