-- rule: partition-without-rls
-- object: public.audit_log_2026_09
-- plants: the newest month of the audit log was granted with all tables, and has no row-level security of its own
alter table public.audit_log_2026_09 disable row level security, no force row level security;
grant select on public.audit_log_2026_09 to erp_app;
