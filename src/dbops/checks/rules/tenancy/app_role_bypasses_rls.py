"""A role of the application passes by row-level security, or can switch it off.

## What it detects

Roles of the application (`[tenancy] app_roles`) that are superusers, have BYPASSRLS or own a tenant table, and those
that can become such a role or have such an owner's rights. Memberships are followed to the end, by what each grant
allows: SET ROLE, or rights that come by themselves (from PostgreSQL 16 on each grant says so; before, every member may
SET ROLE).

## Why it matters

Row-level security does not apply to superusers and to roles with BYPASSRLS, whatever the policies say. The owner of a
table obeys its policies only where they are forced, and can drop them, or switch them off, at any time: an injected
statement is enough.

## How to fix

Take the power away, with the statements of the finding: the attribute, the membership, or the ownership, which goes to
the role that owns most of the other tables. Where several memberships lead there one after the other, decide which of
them is too much. The application should sign in as a role that owns nothing and was granted what it uses.

## What it does not see

Roles of the application that nobody has configured; CREATEROLE before 16; membership in pg_execute_server_program and
pg_write_server_files; views and functions that act as their owner, which are other rules'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.access import NEEDED as ACCESS
from dbops.checks.access import require_app_roles
from dbops.checks.names import quote
from dbops.checks.roles import (
    alter_role,
    hand_over,
    joined,
    owned_by,
    revoke,
    spelled_tables,
    spelled_way,
    way_to_power,
)
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import NEEDED, tenancy_of, tenant_table
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Role
    from dbops.checks.policy import Policy
    from dbops.checks.remediation import Fix

RULE = Rule(severity=Severity.ERROR, needs=(*NEEDED, *ACCESS))


class Power(NamedTuple):
    """A way by which a role gets past row-level security: which, in words, and what takes it away."""

    kind: str
    detail: str
    fix: Fix | None


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each role of the application that can get past row-level security."""
    tenancy_of(catalog, policy)
    for role in require_app_roles(catalog, policy):
        if powers := [*_attributes(catalog, role), *_ownership(catalog, policy, role)]:
            yield Draft(
                object=quote(role.name),
                detail="; ".join(power.detail for power in powers),
                signature=tuple(dict.fromkeys(power.kind for power in powers)),
                verify=statement("powers_of_role", quote(role.name)),
                fix=joined(power.fix for power in powers),
            )


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the roles that are configured."""
    found = len(require_app_roles(catalog, policy))
    return Scope(checked=found, total=found)


def _attributes(catalog: Catalog, role: Role) -> Iterator[Power]:
    found = way_to_power(catalog, role.name, lambda one: one.superuser or one.bypass_rls)
    if not found:
        return
    other, way = found
    what = "is a superuser" if other.superuser else "has BYPASSRLS"
    kind = "superuser" if other.superuser else "bypassrls"
    if way:
        yield Power(kind, f"can become {quote(other.name)}, which {what}, {spelled_way(way)}", revoke(catalog, way))
        return
    away = [word for word, there in (("nosuperuser", role.superuser), ("nobypassrls", role.bypass_rls)) if there]
    yield Power(kind, f"{what}, so row-level security does not apply to it", alter_role(role, *away))


def _ownership(catalog: Catalog, policy: Policy, role: Role) -> Iterator[Power]:
    """Yield the owners of tenant tables whose rights a role has; of a superuser that has been said."""
    if role.superuser:
        return
    for one in owned_by(catalog, role.name):
        tables = [table for table in one.tables if tenant_table(catalog, policy, table.oid)]
        if not tables:
            continue
        names = spelled_tables([table for table in tables if table.parent is None] or tables)
        if one.way:
            detail = f"has the rights of {quote(one.owner)}, who owns {names}, {spelled_way(one.way)}"
            yield Power("owner", detail, revoke(catalog, one.way))
        else:
            detail = f"owns {names}, and can switch row-level security off"
            yield Power("owner", detail, hand_over(catalog, tables, [role.name]))
