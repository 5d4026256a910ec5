"""A role has powers that it was declared not to have, or lacks declared ones.

## What it detects

An expectation (`[[expect.role]]`) that a role of the cluster does not meet. `superuser = false` and `bypassrls = false`
mean that the role neither has the attribute nor can become a role that has it; a superuser bypasses row-level security
too. `owns = false` means that it has the owner's rights on no table of this database: it owns none, and is no member of
a role that does. Memberships are followed to the end, by what each grant allows: SET ROLE, or rights that come by
themselves (from PostgreSQL 16 on each grant says so; before, every member may SET ROLE). With `true` the role itself
has to be a superuser, or has to pass by row-level security, or has to have an owner's rights on some table. A role that
does not exist is a finding as well.

## Why it matters

Row-level security does not apply to superusers, to roles with BYPASSRLS, and to the owner of a table that does not
force it. One membership granted in passing is enough for the application to see the rows of every tenant, and nothing
about its queries changes.

## How to fix

Run the statements of the finding where it has any. Where several memberships lead to the power, one after the other,
decide which of them is too much; the finding lists them in order. A table that changes owners leaves its old owner
without any rights on it but those that are granted, so the statements grant what an application needs.

## What it does not see

Other ways to power: CREATEROLE before 16, membership in pg_execute_server_program or pg_write_server_files, functions
that run with their owner's rights (SECURITY DEFINER), and passwords. Ownership is looked at in this database only, and
only of tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import Membership, Relation, Role
from dbops.checks.declarations import require_anything_declared, require_not_busy, spelled_expectation
from dbops.checks.names import parse_identifier, quote
from dbops.checks.roles import (
    alter_role,
    hand_over,
    joined,
    owned_by,
    revoke,
    role_named,
    spelled_tables,
    spelled_way,
    way_to_power,
)
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Declared, Policy
    from dbops.checks.remediation import Fix
    from dbops.settings import ExpectedRole

RULE = Rule(severity=Severity.ERROR, needs=[Role, Membership, Relation])


class Difference(NamedTuple):
    """In what a role is not as declared: which power, in words, and what mends it."""

    power: str
    detail: str
    fix: Fix | None


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each role that is not as declared."""
    require_anything_declared(policy)
    for declared in policy.expected_roles:
        role = role_named(catalog, declared.value.role)
        if role is None:
            yield _missing(declared)
        elif differences := list(_differences(catalog, declared.value, role)):
            yield _draft(declared, role, differences)
    if any(declared.value.owns is not None for declared in policy.expected_roles):
        require_not_busy(catalog, "who owns them")


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the declared roles, of those of the cluster."""
    return Scope(checked=len(policy.expected_roles), total=len(catalog.rows(Role)))


def _missing(declared: Declared[ExpectedRole]) -> Draft:
    value = declared.value
    return Draft(
        object=quote(parse_identifier(value.role) or value.role),
        detail=spelled_expectation(value, "the role does not exist"),
        signature=("unknown",),
        severity=value.severity,
        why=value.reason or None,
        location=declared.location,
        expectation=value.id,
    )


def _draft(declared: Declared[ExpectedRole], role: Role, differences: list[Difference]) -> Draft:
    value = declared.value
    return Draft(
        object=quote(role.name),
        detail=spelled_expectation(value, "; ".join(one.detail for one in differences)),
        signature=tuple(dict.fromkeys(one.power for one in differences)),
        severity=value.severity,
        why=value.reason or None,
        verify=statement("powers_of_role", quote(role.name)),
        fix=joined(one.fix for one in differences),
        location=declared.location,
        expectation=value.id,
    )


def _differences(catalog: Catalog, value: ExpectedRole, role: Role) -> Iterator[Difference]:
    if power := _superuser(catalog, value, role) or _bypass(catalog, value, role):
        yield power
    yield from _ownership(catalog, value, role)


def _superuser(catalog: Catalog, value: ExpectedRole, role: Role) -> Difference | None:
    if value.superuser:
        return None if role.superuser else Difference("superuser", "is no superuser", alter_role(role, "superuser"))
    found = way_to_power(catalog, role.name, lambda one: one.superuser) if value.superuser is False else None
    if not found:
        return None
    other, way = found
    if not way:
        return Difference("superuser", "is a superuser", alter_role(role, "nosuperuser"))
    detail = f"can become the superuser {quote(other.name)}, {spelled_way(way)}"
    return Difference("superuser", detail, revoke(catalog, way))


def _bypass(catalog: Catalog, value: ExpectedRole, role: Role) -> Difference | None:
    if value.bypassrls:
        passes = role.bypass_rls or role.superuser
        return None if passes else Difference("bypassrls", "has no BYPASSRLS", alter_role(role, "bypassrls"))
    found = None
    if value.bypassrls is False:
        found = way_to_power(catalog, role.name, lambda one: one.bypass_rls or one.superuser)
    if not found:
        return None
    other, way = found
    how = "is a superuser" if other.superuser else "has BYPASSRLS"
    if way:
        detail = f"can become {quote(other.name)}, which {how}, {spelled_way(way)}"
        return Difference("bypassrls", detail, revoke(catalog, way))
    away = [word for word, there in (("nosuperuser", role.superuser), ("nobypassrls", role.bypass_rls)) if there]
    return Difference("bypassrls", f"{how}, so row-level security does not apply to it", alter_role(role, *away))


def _ownership(catalog: Catalog, value: ExpectedRole, role: Role) -> Iterator[Difference]:
    owned = owned_by(catalog, role.name)
    if value.owns and not owned and not role.superuser:
        yield Difference("owns", "has an owner's rights on no table", None)
    if value.owns is not False:
        return
    powerful = way_to_power(catalog, role.name, lambda one: one.superuser)
    if powerful and value.superuser is None and value.bypassrls is None:  # else it has been said
        _, way = powerful
        detail = f"has every owner's rights, {spelled_way(way) if way else 'being a superuser'}"
        yield Difference("owns", detail, revoke(catalog, way) if way else alter_role(role, "nosuperuser"))
    for one in owned:
        tables = spelled_tables(one.tables)
        if one.way:
            detail = f"has the rights of {quote(one.owner)}, who owns {tables}, {spelled_way(one.way)}"
            yield Difference("owns", detail, revoke(catalog, one.way))
        else:
            yield Difference("owns", f"owns {tables}", hand_over(catalog, one.tables, [role.name]))
