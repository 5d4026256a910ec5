"""The application may empty a tenant table for everybody.

## What it detects

The right to TRUNCATE a tenant table, or a partition of one, in the hands of a role of the application: granted to it,
to PUBLIC, or to a role whose rights it has. The roles are `[tenancy] app_roles` and all they can become; where none is
configured, every role that obeys the policies and was granted something on the table.

## Why it matters

Row-level security does not apply to TRUNCATE: one statement takes the rows of all tenants, whatever the policies say.
`grant all` is how the right gets there, and nothing in the application needs it.

## How to fix

Revoke it with the statement of the finding. A test that empties tables belongs to a role of its own.

## What it does not see

The owner of the table and superusers, who have the right by what they are; `app-role-bypasses-rls` says so where the
application is one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import access, tenants
from dbops.checks.access import TRUNCATE, grants_on
from dbops.checks.names import qualified
from dbops.checks.reachable import granted_to, spelled, take_away, who_may
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import scope, tenancy_of, tenant_table
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.WARNING, needs=[*tenants.NEEDED, *access.NEEDED])


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table that a role of the application may truncate by a grant."""
    tenancy_of(catalog, policy)
    for relation in catalog.relations.values():
        if not relation.is_table or not any(TRUNCATE in letters for letters in grants_on(catalog, relation).values()):
            continue
        if tenant_table(catalog, policy, relation.oid) is None:
            continue
        roles = who_may(catalog, policy, relation, [TRUNCATE])
        if granted_to(catalog, relation, roles, TRUNCATE):
            name = qualified(relation.schema, relation.name)
            yield Draft(
                object=name,
                detail=f"{spelled(roles)} may TRUNCATE it, whatever its policies say",
                verify=statement("grants_on_relation", name),
                fix=take_away(catalog, relation, roles, TRUNCATE),
            )
