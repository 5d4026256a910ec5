"""A table with tenants' rows has no row-level security.

## What it detects

Tables with a tenant column (`[tenancy] columns`, by default `org_id`), and those listed under `[tenancy] tables`, that
have neither row-level security nor policies. The rule runs where `[tenancy]` or a pack is configured, or where any
table uses row-level security; tables listed under `exempt` are left alone. Partitions are judged with their parent.

Foreign tables with a tenant column that the application may read, too: PostgreSQL has no row-level security for them.

## Why it matters

Every query that forgets its tenant condition returns, or changes, the rows of all tenants: without row-level security
nothing but the application's care keeps them apart.

## How to fix

Enable and force row-level security together with the policies of the finding: enabling it alone would hide every row
from the application. Try it on a copy first: a session that does not set the tenant then sees nothing, which is the
point. For a listed table the policies have to be written first. The right to a foreign table is taken from the
application, which may have a view of it instead that names the tenant: `security_barrier`, owned by a role of its own.

## What it does not see

Tables whose tenant is told by another table, unless they are listed. A table that has policies, none of which counts,
is `policy-without-rls`; a view or a function may pass by row-level security all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import access
from dbops.checks.access import SELECT
from dbops.checks.names import qualified, quote
from dbops.checks.reachable import READ, spelled, take_away, who_may
from dbops.checks.row_policies import policies_of
from dbops.checks.row_security import isolate_tenants
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import (
    NEEDED,
    is_exempt,
    require_listed,
    scope,
    tenancy_of,
    tenant_column,
    tenant_tables,
)
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Relation
    from dbops.checks.policy import Policy
    from dbops.checks.tenants import TenantTable
    from dbops.settings import TenancyTable

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.ERROR, needs=[*NEEDED, *access.NEEDED])


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table without row-level security."""
    tenancy = tenancy_of(catalog, policy)
    for tenant in tenant_tables(catalog, policy):
        if not tenant.table.rls_enabled and not policies_of(catalog, tenant.table.oid):
            yield _draft(catalog, tenancy, tenant)
    for relation in catalog.relations.values():
        if relation.kind == "f" and not is_exempt(tenancy, relation):
            yield from _of_foreign(catalog, policy, relation)
    require_listed(catalog, policy)


def _draft(catalog: Catalog, tenancy: TenancyTable, tenant: TenantTable) -> Draft:
    column = tenant.column
    whose = f"has the tenant column {quote(column.name)}" if column else "is listed as a tenant table"
    return Draft(
        object=tenant.name,
        detail=f"{whose} and no row-level security",
        signature=(column.name,) if column else (),
        verify=statement("row_security_of_table", tenant.name),
        fix=isolate_tenants(catalog, tenancy, tenant.name, column) if column else None,
    )


def _of_foreign(catalog: Catalog, policy: Policy, relation: Relation) -> Iterator[Draft]:
    """Yield a foreign table that the application reads."""
    column = tenant_column(catalog, tenancy_of(catalog, policy), relation.oid)
    readers = who_may(catalog, policy, relation, READ) if column else ()
    if column and readers:
        name = qualified(relation.schema, relation.name)
        yield Draft(
            object=name,
            detail=f"{spelled(readers)} may read it, it has the tenant column {quote(column.name)}, and a foreign table"
            " has no row-level security",
            signature=(column.name,),
            verify=statement("grants_on_relation", name),
            fix=take_away(catalog, relation, readers, SELECT),
        )
