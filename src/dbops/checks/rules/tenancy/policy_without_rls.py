"""A table has policies, and no row-level security that would make them count.

## What it detects

Tables with at least one policy on which row-level security is not enabled, whether they hold tenants' rows or not.
Tables that are listed under `[tenancy] exempt` are left alone.

## Why it matters

The policies look like protection and have no effect at all: everybody who may read the table reads all of it.

## How to fix

Enable and force row-level security, with the statement of the finding, or drop the policies if they are leftovers. Look
at them first, since they have not been at work: the other rules about policies say what is wrong with them, now.

## What it does not see

Whether the policies are any good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.names import qualified
from dbops.checks.row_policies import policies_of, spelled_policies
from dbops.checks.row_security import enable_row_security
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import NEEDED, is_exempt, tenancy_of
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.ERROR, needs=NEEDED)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each table whose policies do not count."""
    tenancy = tenancy_of(catalog, policy)
    for table in catalog.relations.values():
        policies = policies_of(catalog, table.oid)
        if policies and not table.rls_enabled and not is_exempt(tenancy, table):
            name = qualified(table.schema, table.name)
            have = "has" if len(policies) == 1 else "have"
            yield Draft(
                object=name,
                detail=f"row-level security is not enabled, so its {spelled_policies(policies)} {have} no effect",
                verify=statement("row_security_of_table", name),
                fix=enable_row_security(name),
            )
