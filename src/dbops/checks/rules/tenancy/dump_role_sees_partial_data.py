"""A role that reads everything, as a backup does, is subject to row-level security.

## What it detects

Roles that read every table of the database, write none, own none, and are none of the application's, and to whom
row-level security applies: they have no BYPASSRLS. That is what a backup role looks like. Where it is configured who
the application is (`[tenancy] app_roles`), rights by plain grants count; elsewhere only the right to read everything
that comes with `pg_read_all_data`, and the role that this audit runs as. Roles that others are members of are left
alone, and those that are declared to obey (`[[expect.role]]` with `bypassrls = false`). Where the tenant tables have no
row-level security yet it is a warning: the dump will fail on the day they have.

## Why it matters

`pg_dump` turns row-level security off for itself, which for such a role is an error: the backup fails. With
`--enable-row-security`, or with COPY in a script, there is no error but a dump with the rows of one tenant, or of none,
and nobody notices before the restore.

## How to fix

Give the role BYPASSRLS with the statement of the finding, if it is the one that takes the backups; it may read
everything already. A role for reports that is meant to see one tenant belongs to `[tenancy] app_roles`.

## What it does not see

Backups taken by a role that owns the tables or reads only some of them, and those taken as the application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks import access, tenants
from dbops.checks.access import SELECT, TRUNCATE, app_roles, identities, passes_by, privileges
from dbops.checks.catalog import Membership, Relation, Role
from dbops.checks.names import quote
from dbops.checks.reachable import CHANGE
from dbops.checks.remediation import Fix
from dbops.checks.roles import GRANT_LOCKS, inherited, role_named, spelled_tables
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import tenant_tables
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.ERROR, needs=[*tenants.NEEDED, *access.NEEDED])

_READS_EVERYTHING = "pg_read_all_data"


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each role that would dump the rows of some tenants only."""
    guarded = _guarded(catalog, policy)
    for role in _dump_roles(catalog, policy) if guarded else ():
        hidden = [table for table in guarded if not (table.rls_enabled and passes_by(catalog, role, table))]
        if hidden and not role.bypass_rls:
            yield _draft(role, hidden, now=any(table.rls_enabled for table in hidden))


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the roles that look like a backup's, of all roles."""
    tenant_tables(catalog, policy)
    return Scope(checked=len(_dump_roles(catalog, policy)), total=len(catalog.rows(Role)))


def _guarded(catalog: Catalog, policy: Policy) -> list[Relation]:
    """Return the tables with row-level security, and those that should have it."""
    tenants_of = {tenant.table.oid for tenant in tenant_tables(catalog, policy)}
    return [one for one in catalog.relations.values() if one.is_table and (one.rls_enabled or one.oid in tenants_of)]


def _dump_roles(catalog: Catalog, policy: Policy) -> list[Role]:
    taken = {one.role.name for one in identities(catalog, policy)} | _declared(catalog, policy)
    groups = {grant.role for grant in catalog.rows(Membership)}
    return [
        role
        for role in catalog.rows(Role)
        if role.name not in taken | groups
        and not role.superuser
        and not role.name.startswith("pg_")
        and _is_candidate(catalog, policy, role)
        and _only_reads(catalog, role)
    ]


def _declared(catalog: Catalog, policy: Policy) -> set[str]:
    """Return the roles that were declared to obey row-level security."""
    named = (one.value.role for one in policy.expected_roles if one.value.bypassrls is False)
    return {role.name for text in named if (role := role_named(catalog, text))}


def _is_candidate(catalog: Catalog, policy: Policy, role: Role) -> bool:
    if app_roles(catalog, policy) or role.name == catalog.server.user:
        return True
    return _READS_EVERYTHING in inherited(catalog, role.name)


def _only_reads(catalog: Catalog, role: Role) -> bool:
    """Return whether a role reads every table and does nothing else to any."""
    unwanted = CHANGE | {TRUNCATE}
    for table in catalog.relations.values():
        if table.is_table:
            rights = privileges(catalog, role.name, table)
            if SELECT not in rights or rights & unwanted:
                return False
    return True


def _draft(role: Role, hidden: list[Relation], *, now: bool) -> Draft:
    name = quote(role.name)
    obeys = "obeys" if now else "will obey, once there are any,"
    return Draft(
        object=name,
        detail=f"reads every table, but {obeys} policies of {spelled_tables(hidden)}: a dump by it fails or lacks rows",
        severity=None if now else Severity.WARNING,
        verify=statement("powers_of_role", name),
        fix=Fix(f"alter role {name} bypassrls;", f"alter role {name} nobypassrls;", GRANT_LOCKS),
    )
