"""A materialised view cannot be filled when a backup is restored.

## What it detects

Materialised views whose query reads a tenant table, or another table with row-level security, as a role that obeys its
policies: the owner of the materialised view, or that of a view on the way. For tenant tables whose row-level security
is not enabled or not forced yet it is a warning about the day when it is.

## Why it matters

A dump holds no rows of a materialised view; the restore fills it with REFRESH, which runs as its owner, and with
`row_security = off`, so that a dump that would lose rows fails instead. An owner who obeys the policies then gets an
error, pg_restore reports it, and the materialised view stays empty: the report that reads it does not work on the day
when everything else is difficult. Every refresh in between runs without a tenant, or with one, and fills it with no
rows, or with one tenant's.

## How to fix

Give the materialised view to a role of its own that may not sign in, has BYPASSRLS, and may read just these tables. The
statements of the finding make one, as a superuser and by hand: a role belongs to the whole cluster, so `--fix` leaves
them out. Who refreshes it has to become a member. Without statements it is a view on the way whose owner obeys the
policies: that one has to change.

## What it does not see

What functions in the query read, and materialised views that are filled by a superuser's job and belong to somebody
else: the restore refreshes them as their owner all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks import access, tenants
from dbops.checks.access import passes_by
from dbops.checks.catalog import Relation, Role, View
from dbops.checks.names import fresh_name, qualified, quote
from dbops.checks.reachable import role_of
from dbops.checks.remediation import Fix
from dbops.checks.roles import spelled_tables
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import is_exempt, tenancy_of, tenant_table
from dbops.checks.verify import statement
from dbops.checks.viewing import beneath, read_as
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.ERROR, needs=[*tenants.NEEDED, *access.NEEDED, View])

_LOCKS = "ACCESS EXCLUSIVE on the materialised view for an instant. Needs a superuser."


class Hidden(NamedTuple):
    """A table whose policies count for the role that reads it for a materialised view; `yet`, or once forced."""

    table: Relation
    reader: str
    yet: bool


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each materialised view that REFRESH cannot fill without policies."""
    tenancy_of(catalog, policy)
    for matview in _matviews(catalog):
        hidden = sorted(
            _hidden(catalog, policy, matview), key=lambda one: (one.table.schema, one.table.name, one.reader)
        )
        if hidden:
            yield _draft(catalog, matview, hidden)


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the materialised views, of all views of both kinds."""
    tenancy_of(catalog, policy)
    return Scope(checked=len(_matviews(catalog)), total=len(catalog.rows(View)))


def _matviews(catalog: Catalog) -> list[Relation]:
    return [relation for relation in catalog.relations.values() if relation.kind == "m"]


def _hidden(catalog: Catalog, policy: Policy, matview: Relation) -> Iterator[Hidden]:
    tenancy = tenancy_of(catalog, policy)
    for table, reader in read_as(catalog, matview, matview.owner):
        role = role_of(catalog, reader)
        if role is None or role.superuser or role.bypass_rls:
            continue
        if table.rls_enabled and not passes_by(catalog, role, table):
            yield Hidden(table, reader, yet=True)
        elif not is_exempt(tenancy, table) and tenant_table(catalog, policy, table.oid) and table.parent is None:
            yield Hidden(table, reader, yet=False)


def _draft(catalog: Catalog, matview: Relation, hidden: list[Hidden]) -> Draft:
    name = qualified(matview.schema, matview.name)
    tables = tuple(dict.fromkeys(one.table for one in hidden))
    readers = ", ".join(dict.fromkeys(quote(one.reader) for one in hidden))
    now = any(one.yet for one in hidden)
    when = "obeys the policies of" if now else "will obey, once they are forced, the policies of"
    return Draft(
        object=name,
        detail=f"{readers}, who fills it, {when} {spelled_tables(tables)}, so REFRESH fails in a restore",
        signature=tuple(qualified(table.schema, table.name) for table in tables),
        severity=None if now else Severity.WARNING,
        verify=statement("rights_of_view", name),
        fix=_fix(catalog, matview, hidden),
    )


def _fix(catalog: Catalog, matview: Relation, hidden: list[Hidden]) -> Fix | None:
    """Return what gives a materialised view an owner of its own; None where a view on the way has one that obeys."""
    if any(one.reader != matview.owner for one in hidden):
        return None
    reads = [matview, *beneath(catalog, matview.oid)]
    name = qualified(matview.schema, matview.name)
    taken = {role.name for role in catalog.rows(Role)}
    role = quote(fresh_name(matview.name, ("filler",), taken, plain=True, shape=name))
    schemas = ", ".join(dict.fromkeys(quote(relation.schema) for relation in reads))
    tables = ", ".join(qualified(relation.schema, relation.name) for relation in reads[1:])
    return Fix(
        "\n".join(
            (
                "begin;",
                f"create role {role} nologin bypassrls;",
                f"grant usage on schema {schemas} to {role};",
                f"grant select on {tables} to {role};",
                f"alter materialized view {name} owner to {role};",
                "commit;",
            )
        ),
        "\n".join(
            (
                "begin;",
                f"alter materialized view {name} owner to {quote(matview.owner)};",
                f"drop owned by {role};",
                f"drop role {role};",
                "commit;",
            )
        ),
        _LOCKS,
    )
