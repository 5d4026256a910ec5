"""A role was granted a command for which no policy lets it see or write a row.

## What it detects

Tables with row-level security, or with policies that do not count yet, on which a role of the application
(`[tenancy] app_roles`; where none is configured, every role that was granted something on the table and obeys its
policies) may SELECT, INSERT, UPDATE or DELETE, with no permissive policy for that command that applies to it.
Restrictive policies alone let nothing through. Grants and policies that come by membership count. A role that passes by
row-level security today is judged as well: it will meet the policies when that is mended. Partitions are left out.

## Why it matters

The command does nothing, or fails, whatever the tenant: SELECT, UPDATE and DELETE find no row, and INSERT is refused.
Somebody who meets that in production is tempted to switch row-level security off.

## How to fix

Add the policies with the statements of the finding, or revoke the privilege if the command is not meant: an append-only
table needs neither a policy for UPDATE nor the right to it.

## What it does not see

Whether the application uses the command at all, and policies that apply to a role only after SET ROLE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.access import (
    DELETE,
    INSERT,
    SELECT,
    UPDATE,
    app_roles,
    applies,
    grantees,
    privileges,
    spelled_privilege,
)
from dbops.checks.names import qualified, quote
from dbops.checks.row_policies import NEEDED, Judged, policies_of
from dbops.checks.row_security import allow_commands
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import tenancy_of, tenant_table
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbops.checks.catalog import Catalog, Relation
    from dbops.checks.policy import Policy
    from dbops.checks.remediation import Fix

RULE = Rule(severity=Severity.WARNING, needs=NEEDED)

_COMMANDS = (SELECT, INSERT, UPDATE, DELETE)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each table on which something is granted that no policy allows."""
    tenancy_of(catalog, policy)
    for table in catalog.relations.values():
        judged = table.rls_enabled or policies_of(catalog, table.oid)
        if table.is_table and table.parent is None and judged and (denied := _denied(catalog, policy, table)):
            yield _draft(catalog, policy, table, denied)


def _denied(catalog: Catalog, policy: Policy, table: Relation) -> dict[str, list[str]]:
    """Return the roles to which a command is granted in vain, by the letter of the command."""
    found: dict[str, list[str]] = {}
    for role in app_roles(catalog, policy) or grantees(catalog, table):
        if role.superuser:  # it may do everything, so what it was granted says nothing
            continue
        own = [row for row in policies_of(catalog, table.oid) if row.permissive and applies(catalog, row, role.name)]
        for letter in privileges(catalog, role.name, table).intersection(_COMMANDS):
            if not any(row.command in {"*", letter} for row in own):
                found.setdefault(letter, []).append(role.name)
    return {letter: found[letter] for letter in _COMMANDS if letter in found}


def _draft(catalog: Catalog, policy: Policy, table: Relation, denied: Mapping[str, list[str]]) -> Draft:
    name = qualified(table.schema, table.name)
    roles = sorted({role for names in denied.values() for role in names})
    commands = ", ".join(spelled_privilege(letter) for letter in denied)
    grants = "are" if len(denied) > 1 else "is"
    return Draft(
        object=name,
        detail=f"{commands} {grants} granted to {', '.join(map(quote, roles))}, and no policy lets a row through",
        signature=(*denied, *roles),
        verify=statement("policies_of_table", name),
        fix=_fix(catalog, policy, table, denied),
    )


def _fix(catalog: Catalog, policy: Policy, table: Relation, denied: Mapping[str, list[str]]) -> Fix | None:
    tenant = tenant_table(catalog, policy, table.oid)
    if tenant is None or tenant.column is None:
        return None
    judged = Judged(table, tenant.column, policies_of(catalog, table.oid))
    wanted = {spelled_privilege(letter).lower(): sorted(roles) for letter, roles in denied.items()}
    return allow_commands(catalog, tenancy_of(catalog, policy), judged, wanted)
