"""The request guard: every request has a tenant that was granted, and every transaction is bound to it.

Core, for any framework: `tenant_context`, `resolve_org_id`. Flask: `dbops.tenancy.flask` (extra `flask`). Database:
`dbops.tenancy.postgres` (psycopg) and `dbops.tenancy.sqlalchemy` (extra `sqlalchemy`). For an application's own tests:
`dbops.tenancy.pytest_plugin`. Stands alone: nothing else of dbops is imported but its errors.
"""

from dbops.tenancy.context import Tenant, resolve_org_id, tenant_context
from dbops.tenancy.problems import OrgContextConflict, OrgContextMissing, TenantBindingError, UnverifiedTenant

__all__ = [
    "OrgContextConflict",
    "OrgContextMissing",
    "Tenant",
    "TenantBindingError",
    "UnverifiedTenant",
    "resolve_org_id",
    "tenant_context",
]
