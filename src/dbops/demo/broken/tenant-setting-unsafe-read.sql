-- rule: tenant-setting-unsafe-read
-- object: public.audit_log
-- plants: reading the audit log fails, instead of finding nothing, where no tenant was ever set
alter policy app_select on public.audit_log
    using (org_id = (select pg_catalog.current_setting('app.org_id')::bigint));
