"""A partition is open to the application without row-level security.

## What it detects

Partitions of tenant tables, at any depth, that a role of the application may read or change by their own name while
row-level security is not enabled on them. The roles are `[tenancy] app_roles` and all they can become; where none is
configured, every role that obeys the policies and was granted something on the partition.

## Why it matters

The policies of a partitioned table count for statements that name the table. A statement that names a partition obeys
the partition's own policies alone, and a new partition has none: it shows the rows of every tenant, and takes any.
`grant … on all tables in schema` and default privileges give the application rights on partitions that nobody meant.

## How to fix

Run the statement of the finding: row-level security without a policy shows nobody a row who names the partition, and
changes nothing for those who name the table. Or revoke the rights, which says the same more loudly. Do it where
partitions are created, too.

## What it does not see

Partitions that are foreign tables, which can have no row-level security: revoke the rights there. Tables that inherit
from a tenant table without being its partitions are tenant tables themselves. What the policies of a partition say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import access, tenants
from dbops.checks.catalog import Relation
from dbops.checks.names import qualified
from dbops.checks.reachable import CHANGE, READ, spelled, who_may
from dbops.checks.row_security import enable_row_security
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import tenancy_of, tenant_table
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.ERROR, needs=[*tenants.NEEDED, *access.NEEDED])


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each partition that shows whoever names it the rows of all tenants."""
    for partition in _partitions(catalog, policy):
        roles = () if partition.rls_enabled else who_may(catalog, policy, partition, READ | CHANGE)
        if roles:
            yield _draft(catalog, partition, roles)


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the partitions of tenant tables, of all partitions."""
    total = sum(relation.parent is not None for relation in catalog.rows(Relation))
    return Scope(checked=len(_partitions(catalog, policy)), total=total)


def _partitions(catalog: Catalog, policy: Policy) -> list[Relation]:
    tenancy_of(catalog, policy)
    return [
        relation
        for relation in catalog.relations.values()
        if relation.parent is not None and relation.is_table and tenant_table(catalog, policy, relation.oid)
    ]


def _draft(catalog: Catalog, partition: Relation, roles: tuple[str, ...]) -> Draft:
    name = qualified(partition.schema, partition.name)
    return Draft(
        object=name,
        detail=f"{spelled(roles)} can reach it by its own name, past the policies of"
        f" {catalog.name_of(partition.parent or 0)}",
        verify=statement("grants_on_relation", name),
        fix=enable_row_security(name),
    )
