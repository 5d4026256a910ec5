"""A table with tenants' rows has no row-level security.

## What it detects

Tables with a tenant column (`[tenancy] columns`, by default `org_id`) on which row-level security is not enabled. The
rule runs where `[tenancy]` or a pack is configured, or where any table has row-level security; tables listed under
`exempt` are left alone. Partitions are judged with their parent.

## Why it matters

Every query that forgets its tenant condition returns, or changes, the rows of all tenants: without row-level security
nothing but the application's care keeps them apart.

## How to fix

Enable and force row-level security together with the policies of the finding: enabling it alone would hide every row
from the application. Where the table has policies already, they only have to be switched on. Try it on a copy first: a
session that does not set the tenant then sees nothing, which is the point.

## What it does not see

Whether policies are any good, and tables whose tenant is told by another table. A view or a function may pass by
row-level security all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import DataType, Relation, RowPolicy, TableColumns
from dbops.checks.names import parse_qualified, qualified, quote
from dbops.checks.row_security import enable_row_security, isolate_tenants
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.settings import TenancyTable
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Column
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.ERROR, needs=[Relation, TableColumns, DataType, RowPolicy])


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table without row-level security."""
    tenancy = _tenancy(catalog, policy)
    for table, column in _tenant_tables(catalog, tenancy):
        if not table.rls_enabled:
            yield _draft(catalog, tenancy, table, column)


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the tenant tables, of all tables that are no partitions."""
    tables = [table for table in catalog.rows(Relation) if table.is_table and table.parent is None]
    return Scope(checked=len(_tenant_tables(catalog, _tenancy(catalog, policy))), total=len(tables))


def _tenancy(catalog: Catalog, policy: Policy) -> TenancyTable:
    """Return what is configured, the defaults where a pack is or where the database uses row-level security at all."""
    if policy.tenancy:
        return policy.tenancy
    uses_rls = any(table.rls_enabled for table in catalog.rows(Relation)) or catalog.rows(RowPolicy)
    if policy.packs or uses_rls:
        return TenancyTable()
    raise RuleSkippedError(
        "no [tenancy] is configured and no table uses row-level security",
        hint='add to dbops.toml: [tenancy] columns = ["org_id"]',
    )


def _tenant_tables(catalog: Catalog, tenancy: TenancyTable) -> list[tuple[Relation, Column]]:
    exempt = {_name(entry.table) for entry in tenancy.exempt}
    found: list[tuple[Relation, Column]] = []
    for table in catalog.rows(Relation):
        if not table.is_table or table.parent is not None or (table.schema, table.name) in exempt:
            continue
        columns = [column for name in tenancy.columns if (column := catalog.column_named(table.oid, name))]
        found.extend((table, column) for column in columns[:1])
    return found


def _name(text: str) -> tuple[str, str]:
    try:
        return parse_qualified(text)
    except ValueError:
        return ("", text)


def _draft(catalog: Catalog, tenancy: TenancyTable, table: Relation, column: Column) -> Draft:
    name = qualified(table.schema, table.name)
    policies = [row for row in catalog.rows(RowPolicy) if row.table == table.oid]
    detail = f"has the tenant column {quote(column.name)} and no row-level security"
    if policies:
        detail += f"; its {len(policies)} policies have no effect"
    return Draft(
        object=name,
        detail=detail,
        signature=(column.name,),
        verify=statement("row_security_of_table", name),
        fix=enable_row_security(name) if policies else isolate_tenants(catalog, tenancy, name, column),
    )
