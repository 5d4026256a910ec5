"""A policy of a tenant table does not look at the tenant.

## What it detects

Permissive policies for reading (FOR SELECT or FOR ALL) on tenant tables that depend neither on the tenant column, nor
on the whole row, nor on another tenant table, and are not simply true (that is `policy-always-true`). On what a policy
depends is PostgreSQL's own word (`pg_depend`). A restrictive policy that holds the row to its tenant closes what a
permissive one opens, and then nothing is reported. Where `[tenancy] app_roles` is configured, only policies that apply
to a role which the application is or can become count, and only if it may read the table.

## Why it matters

Whoever meets the policy's condition, such as being a manager, sees the rows of every tenant for which it holds.

## How to fix

Add the tenant condition to the policy's own, with the statements of the finding; or keep the policy as it is and put a
restrictive policy with the tenant condition beside it, as `dbops tenant policy` prints it.

## What it does not see

What a policy compares the tenant column with, conditions joined to the tenant condition by OR, and functions that look
at the tenant by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.holds import Hold
from dbops.checks.names import quote
from dbops.checks.row_policies import NEEDED, judged_tables, open_to_readers, spelled_policies
from dbops.checks.row_security import mend_policies
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import scope
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.ERROR, needs=NEEDED)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table with a policy that opens it to other tenants."""
    for judged in judged_tables(catalog, policy):
        rows = open_to_readers(catalog, policy, judged, Hold.IGNORES)
        if rows and judged.column:
            verb = "does" if len(rows) == 1 else "do"
            yield Draft(
                object=judged.name,
                detail=f"its {spelled_policies(rows)} {verb} not look at the tenant column {quote(judged.column.name)}",
                signature=tuple(row.name for row in rows),
                verify=statement("policies_of_table", judged.name),
                fix=mend_policies(catalog, policy, judged, rows),
            )
