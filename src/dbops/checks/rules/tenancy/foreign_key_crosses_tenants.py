"""A foreign key lets a row refer to another tenant's.

## What it detects

Foreign keys from one tenant table to another that do not pair the tenant columns of both, unless another foreign key of
the table, whose rows are checked, pairs them along with the same columns.

## Why it matters

PostgreSQL checks a foreign key as the owner of the tables, past every policy. So a row may name an order, a customer or
an account of another tenant: the insert succeeds, which tells that the other row exists, and joins, cascades and
reports mix what belongs to two tenants. Deleting one tenant then deletes, or is refused because of, rows of another.

## How to fix

Run the statements of the finding: a foreign key that carries the tenant is put beside the one that is there, with the
unique index that it refers to and the index that covers it. Its validation fails if some row refers to another
tenant's: that row is the damage, so look at it first. When the new key stands, the old one, and the index that only it
needs, may go. There are no statements where the tables are partitioned, the tenant columns are of two types, or the
key sets columns to null on a server before 15 (the tenant would be set to null with them).

## What it does not see

References without a foreign key, and tables whose tenant another table tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import tenants
from dbops.checks.catalog import Collation, Constraint, EqualityFamilies, Index, OperatorClass
from dbops.checks.names import quote
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import spelled_columns
from dbops.checks.tenant_references import Reference, carry_tenant
from dbops.checks.tenants import tenant_table, tenant_tables
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[*tenants.NEEDED, Constraint, Index, OperatorClass, Collation, EqualityFamilies],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each foreign key that leaves the tenant out."""
    for reference in _references(catalog, policy):
        others = (key for key in catalog.constraints_of(reference.key.table) if key.oid != reference.key.oid)
        if not reference.carries_tenant and not any(reference.is_bound_by(other) for other in others):
            yield _draft(catalog, reference)


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the foreign keys between tenant tables, of all foreign keys, each partitioned one once."""
    total = sum(key.type == "f" and key.parent is None for key in catalog.rows(Constraint))
    return Scope(checked=sum(1 for _ in _references(catalog, policy)), total=total)


def _references(catalog: Catalog, policy: Policy) -> Iterator[Reference]:
    for child in tenant_tables(catalog, policy):
        for key in catalog.constraints_of(child.table.oid):
            if key.type != "f" or key.parent is not None or not key.enforced:
                continue
            parent = tenant_table(catalog, policy, key.foreign_table or 0)
            if parent and child.column and parent.column and parent.table.oid == key.foreign_table:
                yield Reference(key, child.table, child.column, parent.table, parent.column)


def _draft(catalog: Catalog, reference: Reference) -> Draft:
    key, child, column = reference.key, reference.child, reference.child_column
    columns = catalog.column_names(child.oid, key.columns)
    name = catalog.name_of(child.oid)
    return Draft(
        object=name,
        detail=f"foreign key {quote(key.name)} to {catalog.name_of(reference.parent.oid)} on"
        f" {spelled_columns(columns)} does not carry the tenant column {quote(column.name)}",
        signature=(*sorted(columns), catalog.name_of(reference.parent.oid)),
        verify=statement("constraints_of_table", name),
        fix=carry_tenant(catalog, reference),
    )
