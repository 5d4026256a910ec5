-- rule: policy-fails-open
-- object: public.ledger_entries
-- plants: a session that forgot its tenant reads the ledger of every tenant
drop policy tenant_floor on public.ledger_entries;
alter policy app_select on public.ledger_entries
    using (org_id = coalesce((select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint), org_id));
