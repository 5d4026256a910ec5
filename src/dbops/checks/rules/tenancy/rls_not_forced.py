"""A tenant table's owner passes by its row-level security.

## What it detects

Tenant tables with row-level security that is enabled and not forced. It is an error where a role of the application
(`[tenancy] app_roles`) owns the table, is a member of its owner, or can become it; otherwise a warning.

## Why it matters

Row-level security does not apply to the owner of a table unless it is forced. Whatever runs as the owner, a migration,
a job, a view or a function of the owner's, sees and changes the rows of all tenants without anybody noticing.

## How to fix

Force it, with the statement of the finding. What runs as the owner then obeys the policies as well: jobs that are meant
to see all tenants need a role of their own with BYPASSRLS.

## What it does not see

Superusers and roles with BYPASSRLS, which pass by row-level security that is forced, and partitions: reached by its own
name, a partition goes by its own setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.access import NEEDED as ACCESS
from dbops.checks.access import app_roles
from dbops.checks.names import quote
from dbops.checks.roles import reach, spelled_way
from dbops.checks.row_security import force_row_security
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import NEEDED, scope, tenant_tables
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.tenants import TenantTable

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.ERROR, needs=(*NEEDED, *ACCESS))


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table whose owner does not obey its policies."""
    for tenant in tenant_tables(catalog, policy):
        if tenant.table.rls_enabled and not tenant.table.rls_forced:
            yield _draft(catalog, policy, tenant)


def _draft(catalog: Catalog, policy: Policy, tenant: TenantTable) -> Draft:
    owner = tenant.table.owner
    application = _application(catalog, policy, owner)
    detail = f"row-level security is not forced, so its owner {quote(owner)} passes by it"
    return Draft(
        object=tenant.name,
        detail=f"{detail}; {application}" if application else detail,
        severity=Severity.ERROR if application else Severity.WARNING,
        verify=statement("row_security_of_table", tenant.name),
        fix=force_row_security(tenant.name),
    )


def _application(catalog: Catalog, policy: Policy, owner: str) -> str | None:
    """Return in words how the application has the owner's rights, None if it has not."""
    for role in app_roles(catalog, policy):
        way = reach(catalog, role.name).rights_of.get(owner)
        if way is not None:
            name = quote(role.name)
            return f"{name} has its rights, {spelled_way(way)}" if way else "that is the application's own role"
    return None
