-- rule: tenant-setting-mismatch
-- object: public.org_memberships
-- plants: the floor under the memberships reads a setting that nobody sets
alter policy tenant_floor on public.org_memberships
    using (org_id = (select nullif(pg_catalog.current_setting('app.organisation_id', true), '')::bigint))
    with check (org_id = (select nullif(pg_catalog.current_setting('app.organisation_id', true), '')::bigint));
