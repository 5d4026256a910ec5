"""A view shows the application the rows of all tenants.

## What it detects

Views that read a table with row-level security as an owner to whom it does not apply (a superuser, a role with
BYPASSRLS, or one that has the rights of the table's owner while row-level security is not forced), and that a role of
the application may read or write, by themselves or by way of another view. Of tables without row-level security it
looks at those that should have it. Views with `security_invoker` (PostgreSQL 15 and later) read as whoever asks, even
beneath another view, and are fine.

## Why it matters

By default a view reads with its owner's rights, and views are mostly made by whoever owns the tables, or by a
superuser. The policies are then asked for the wrong role, or not at all: every tenant sees every row, although each
table is protected.

## How to fix

Run the statement of the finding: `security_invoker` makes the view obey the policies of whoever reads it. The readers
then need SELECT on the tables themselves; where one of them lacks it there is no statement, since granting it is a
decision. Before PostgreSQL 15 give the view to an owner who obeys the policies, with policies that let that role see
the tenant's rows, or repeat the tenant condition in the view and make it a `security_barrier`.

## What it does not see

Whether a tenant condition that the view has itself keeps tenants apart: a view that calls `current_setting` is a
warning, to be waived where that is all it takes, and one that calls a function which does is not known from others.
Materialised views are `matview-exposes-tenants`. Whether the schema is open to the role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import access, tenants
from dbops.checks.access import SELECT, passes_by, privileges
from dbops.checks.catalog import Relation, View
from dbops.checks.names import qualified, quote
from dbops.checks.reachable import CHANGE, READ, role_of, spelled, who_may
from dbops.checks.remediation import Fix
from dbops.checks.roles import spelled_tables
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import is_exempt, tenancy_of, tenant_table
from dbops.checks.verify import statement
from dbops.checks.viewing import beneath, views
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.ERROR, needs=[*tenants.NEEDED, *access.NEEDED, View])

_LOCKS = "ACCESS EXCLUSIVE on the view for an instant."
_INVOKER = 150_000


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each view by which the application passes by policies."""
    tenancy = tenancy_of(catalog, policy)
    readers = _readers(catalog, policy)
    for view in _views(catalog):
        tables = _passed_by(catalog, policy, view)
        if tables and view.oid in readers and not is_exempt(tenancy, view):
            yield _draft(catalog, view, tables, readers[view.oid])


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the views, of all views and materialised views."""
    tenancy_of(catalog, policy)
    return Scope(checked=len(_views(catalog)), total=len(catalog.rows(View)))


def _views(catalog: Catalog) -> list[Relation]:
    return [relation for relation in catalog.relations.values() if relation.kind == "v"]


def _readers(catalog: Catalog, policy: Policy) -> Mapping[int, tuple[str, ...]]:
    """Return, by view, the roles of the application that come to read it, directly or by way of other views."""
    found: dict[int, set[str]] = {}
    for view in _views(catalog):
        if roles := who_may(catalog, policy, view, READ | CHANGE):
            for one in (view, *(below for below in beneath(catalog, view.oid) if below.kind == "v")):
                found.setdefault(one.oid, set()).update(roles)
    return {oid: tuple(sorted(roles)) for oid, roles in found.items()}


def _passed_by(catalog: Catalog, policy: Policy, view: Relation) -> tuple[Relation, ...]:
    """Return the tables that a view reads with the rights of an owner to whom their policies do not apply."""
    known, owner = views(catalog).get(view.oid), role_of(catalog, view.owner)
    if known is None or known.invoker or owner is None:
        return ()
    tables = (catalog.relations[oid] for oid in known.reads if oid in catalog.relations)
    tenancy = tenancy_of(catalog, policy)
    passes = owner.superuser or owner.bypass_rls
    return tuple(
        table
        for table in sorted(tables, key=lambda table: (table.schema, table.name))
        if table.is_table
        and not is_exempt(tenancy, table)
        and (
            passes_by(catalog, owner, table)
            if table.rls_enabled
            else passes and tenant_table(catalog, policy, table.oid) is not None
        )
    )


def _draft(catalog: Catalog, view: Relation, tables: tuple[Relation, ...], readers: tuple[str, ...]) -> Draft:
    name = qualified(view.schema, view.name)
    asks = views(catalog)[view.oid].asks
    itself = "; it asks for a setting itself, which may be the tenant" if asks else ""
    return Draft(
        object=name,
        detail=f"{spelled(readers)} read {spelled_tables(tables)} by it as {quote(view.owner)}, to whom row-level"
        f" security does not apply{itself}",
        signature=tuple(qualified(table.schema, table.name) for table in tables),
        severity=Severity.WARNING if asks else None,
        verify=statement("rights_of_view", name),
        fix=_fix(catalog, view, readers),
    )


def _fix(catalog: Catalog, view: Relation, readers: tuple[str, ...]) -> Fix | None:
    if catalog.server.version < _INVOKER:
        return None
    reads = [catalog.relations[oid] for oid in views(catalog)[view.oid].reads if oid in catalog.relations]
    if any(SELECT not in privileges(catalog, role, relation) for role in readers for relation in reads):
        return None
    name = qualified(view.schema, view.name)
    return Fix(
        f"alter view {name} set (security_invoker = true);", f"alter view {name} reset (security_invoker);", _LOCKS
    )
