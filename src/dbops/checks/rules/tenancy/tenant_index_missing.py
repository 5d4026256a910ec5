"""A tenant table has no index that begins with the tenant.

## What it detects

Tenant tables without a usable index, complete or partial on no more than `is not null`, by which the rows of one tenant
are found: a btree whose first key is the tenant column, a hash, GiST or SP-GiST index on it, or a GIN index that has it
among its keys. A primary key or unique constraint that begins with it will do. It is a warning, and an info while the
table has less than five hundred rows. Of a partitioned table the parent is looked at, or all of its partitions.

## Why it matters

The policies add the tenant to every statement of the application, so every statement that does not find its rows by
something more selective reads the rows of all tenants and throws most of them away: the largest tenant makes it slow
for the smallest. Deleting a tenant, or exporting one, reads whole tables.

## How to fix

Create the index with the statement of the finding. Better, where the application asks for more than the tenant, is an
index that begins with the tenant and goes on with what it asks for: it makes this finding go away as well.

## What it does not see

Whether the index is any good for the queries at hand (`seq-scan-heavy-table` and `slow-query` look at those), and
tables whose tenant another table tells. With a single tenant, or a few that each own a large part, no index helps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import tenants
from dbops.checks.catalog import Collation, Index, OperatorClass
from dbops.checks.expressions import holds_where_not_null
from dbops.checks.names import quote
from dbops.checks.remediation import create_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import Shape
from dbops.checks.tenants import scope, tenant_tables
from dbops.checks.verify import statement
from dbops.quantities import counted
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Column, Relation
    from dbops.checks.policy import Policy
    from dbops.checks.tenants import TenantTable

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.WARNING, needs=[*tenants.NEEDED, Index, OperatorClass, Collation])

SMALL_ROWS = 500
# How many of its first keys an index finds rows by when nothing else is known of them.
_LEADING = {"btree": 1, "hash": 1, "gist": 1, "spgist": 1}


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table whose tenants are found by reading all of it."""
    for tenant in tenant_tables(catalog, policy):
        if tenant.column and not _has_index(catalog, tenant.table, tenant.column):
            yield _draft(catalog, tenant, tenant.column)


def _has_index(catalog: Catalog, table: Relation, column: Column) -> bool:
    if any(_serves(catalog, index, column) for index in catalog.indexes_of(table.oid)):
        return True
    parts = catalog.partitions.get(table.oid, ()) if table.is_partitioned else ()
    return bool(parts) and all(
        (own := catalog.column_named(part.oid, column.name)) is not None and _has_index(catalog, part, own)
        for part in parts
    )


def _serves(catalog: Catalog, index: Index, column: Column) -> bool:
    keys = index.columns[: index.key_count]
    if not index.usable or column.number not in keys[: _LEADING.get(index.method, 0) or len(keys)]:
        return False
    if index.method not in {*_LEADING, "gin"}:
        return False
    names = catalog.column_names(index.table, [column.number])
    return index.predicate is None or holds_where_not_null(index.predicate, names)


def _draft(catalog: Catalog, tenant: TenantTable, column: Column) -> Draft:
    rows = sum(max(leaf.rows, 0) for leaf in catalog.leaves(tenant.table.oid))
    small = 0 < rows < SMALL_ROWS
    figures = f" ({counted(rows, 'row')})" if rows else ""
    key = quote(column.name)
    return Draft(
        object=tenant.name,
        detail=f"no index begins with the tenant column {key}{figures}",
        signature=(column.name,),
        severity=Severity.INFO if small else None,
        verify=statement("indexes_of_table", tenant.name),
        fix=create_index(catalog, Shape(tenant.table.oid, (key,), (column.name,))),
    )
