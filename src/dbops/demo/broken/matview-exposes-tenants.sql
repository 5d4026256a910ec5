-- rule: matview-exposes-tenants
-- object: public.revenue_by_tenant
-- plants: the application may read a materialised view of the revenue of every tenant
create materialized view public.revenue_by_tenant as
select org_id, pg_catalog.sum(amount_cents) as amount_cents
from public.payments
group by org_id;
grant select on public.revenue_by_tenant to erp_app, erp_backup;
