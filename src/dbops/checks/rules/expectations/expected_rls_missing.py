"""A table lacks the row-level security that was declared, or has an owner that it must not have.

## What it detects

An expectation (`[[expect.table]]` in `dbops.toml`, or one of a listed pack) that a table does not meet. `rls =
"enabled"` wants row-level security on the table, `rls = "forced"` wants it for the owner as well (ENABLE and FORCE).
`owner_not` names roles that must not have the owner's rights: none of them may own the table, be a superuser, or be a
member, through whatever other roles, of the one that does. A table or a role that does not exist is a finding as well.

## Why it matters

Without it every query that forgets its tenant condition returns the rows of all tenants. The owner of a table, and
whoever has the owner's rights, passes by row-level security that is not forced, and can switch it off.

## How to fix

Run the statements of the finding. Where the table has no policies yet, switching row-level security on would hide every
row from everybody but superusers; the statements then bring policies with them if the table has a tenant column, and
otherwise the policies have to be written first. What runs as the owner obeys the policies once they are forced: look at
nightly jobs and at migrations that change rows.

## What it does not see

Whether the policies are any good, whether views or functions pass by them, and partitions: reached by its own name, a
partition obeys its own policies alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import DataType, Membership, Relation, Role, RowPolicy, TableColumns
from dbops.checks.declarations import (
    UnknownNameError,
    canonical_name,
    is_busy,
    relation_of,
    require_anything_declared,
    require_looked_at,
    spelled_expectation,
)
from dbops.checks.names import qualified, quote
from dbops.checks.roles import hand_over, joined, reach, revoke, role_named, spelled_way
from dbops.checks.row_security import enable_row_security, force_row_security, isolate_tenants
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.tenants import tenancy_of, tenant_column
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.settings import TenancyTable
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Declared, Policy
    from dbops.checks.remediation import Fix
    from dbops.settings import ExpectedTable

RULE = Rule(
    severity=Severity.ERROR,
    needs=[Relation, TableColumns, DataType, RowPolicy, Role, Membership],
)


class Difference(NamedTuple):
    """In what a table is not as declared, and what mends it."""

    aspect: str
    detail: str
    fix: Fix | None


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each table that is not protected as declared."""
    require_anything_declared(policy)
    for declared in policy.expected_tables:
        if is_busy(catalog, declared.value.table):
            continue
        try:
            table = _table(catalog, declared.value.table)
        except UnknownNameError as unknown:
            yield _draft(declared, [Difference("unknown", str(unknown), None)])
            continue
        if differences := list(_differences(catalog, policy, declared.value, table)):
            yield _draft(declared, differences)
    require_looked_at(catalog, [declared.value.table for declared in policy.expected_tables])


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the declared tables; all but those that are busy were looked at."""
    tables = [declared.value.table for declared in policy.expected_tables]
    return Scope(checked=sum(not is_busy(catalog, table) for table in tables), total=len(tables))


def _table(catalog: Catalog, text: str) -> Relation:
    relation = relation_of(catalog, text)
    if not relation.is_table:
        raise UnknownNameError("it is no table of this server, so it can have no row-level security")
    return relation


def _draft(declared: Declared[ExpectedTable], differences: list[Difference]) -> Draft:
    value = declared.value
    name = canonical_name(value.table)
    return Draft(
        object=name,
        detail=spelled_expectation(value, "; ".join(one.detail for one in differences)),
        signature=tuple(dict.fromkeys(one.aspect for one in differences)),
        severity=value.severity,
        why=value.reason or None,
        verify=statement("row_security_of_table", name) if differences[0].aspect != "unknown" else None,
        fix=joined(one.fix for one in differences),
        location=declared.location,
        expectation=value.id,
    )


def _differences(catalog: Catalog, policy: Policy, value: ExpectedTable, table: Relation) -> Iterator[Difference]:
    yield from _unprotected(catalog, policy, value, table)
    for text in value.owner_not:
        if (difference := _owner(catalog, table, text)) is not None:
            yield difference


def _unprotected(catalog: Catalog, policy: Policy, value: ExpectedTable, table: Relation) -> Iterator[Difference]:
    """Yield what row-level security lacks."""
    name = qualified(table.schema, table.name)
    if value.rls and not table.rls_enabled:
        policies = [row for row in catalog.rows(RowPolicy) if row.table == table.oid]
        detail = "row-level security is not enabled"
        if policies:
            detail += f", so its policies ({len(policies)}) have no effect"
            yield Difference("enabled", detail, enable_row_security(name))
        elif column := tenant_column(catalog, _tenancy(catalog, policy), table.oid):
            tenancy = _tenancy(catalog, policy)
            detail += " and there is no policy"
            yield Difference("enabled", detail, isolate_tenants(catalog, tenancy, name, column))
        else:
            detail += ", and there is no policy: enabled alone it would hide every row"
            yield Difference("enabled", detail, None)
    elif value.rls == "forced" and not table.rls_forced:
        owner = f"its owner {quote(table.owner)}"
        yield Difference(
            "forced", f"row-level security is not forced, so {owner} passes by it", force_row_security(name)
        )


def _tenancy(catalog: Catalog, policy: Policy) -> TenancyTable:
    """Return what counts as a tenant here, the defaults where nothing else speaks of tenants."""
    try:
        return tenancy_of(catalog, policy)
    except RuleSkippedError:
        return TenancyTable()


def _owner(catalog: Catalog, table: Relation, text: str) -> Difference | None:
    """Return how a role that must not own a table has its owner's rights all the same, None if it has not."""
    role = role_named(catalog, text)
    if role is None:
        return Difference("owner", f"the role {text}, which must not own it, does not exist", None)
    name = quote(role.name)
    if role.name == table.owner:
        return Difference("owner", f"{name} owns it", hand_over(catalog, [table], [role.name]))
    if role.superuser:
        return Difference("owner", f"{name} has its owner's rights, being a superuser", None)
    way = reach(catalog, role.name).rights_of.get(table.owner)
    if way:
        detail = f"{name} has the rights of its owner {quote(table.owner)}, {spelled_way(way)}"
        return Difference("owner", detail, revoke(catalog, way))
    return None
