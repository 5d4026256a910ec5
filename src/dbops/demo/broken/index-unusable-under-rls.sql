-- rule: index-unusable-under-rls
-- object: public.audit_log_detail_idx
-- plants: a GIN index on the details of the audit log, which no query under the policies can use
create index audit_log_detail_idx on public.audit_log using gin (detail);
