"""A policy of a tenant table does not look at the tenant.

## What it detects

Permissive policies for reading (FOR SELECT or FOR ALL) on tenant tables that depend neither on the tenant column, nor
on the whole row, nor on another tenant table, and are not simply true (that is `policy-always-true`). On what a policy
depends is PostgreSQL's own word (`pg_depend`). A restrictive policy that holds the row to its tenant closes what a
permissive one opens, and then nothing is reported. Where `[tenancy] app_roles` is configured, only policies that apply
to a role which the application is or can become count, and only if it may read the table.

A policy whose tenant condition is joined by OR to a condition that says nothing of tenants (`org_id = … or
current_setting('app.admin', true) = 'on'`, `… or is_public`) does the same on purpose, or by mistake: a warning, for
writing too. There are no statements then, since only a person knows which of the two it is.

## Why it matters

Whoever meets the policy's condition, such as being a manager, sees the rows of every tenant for which it holds.

## How to fix

Add the tenant condition to the policy's own, with the statements of the finding; or keep the policy as it is and put a
restrictive policy with the tenant condition beside it, as `dbops tenant policy` prints it. A condition that OR joins on
purpose belongs into a policy for the roles that it is meant for, or is waived with the reason; a setting that the
application may set itself (`app.admin`) keeps nobody out who can run SQL.

## What it does not see

What a policy compares the tenant column with, and functions that look at the tenant by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.holds import Hold
from dbops.checks.names import quote
from dbops.checks.row_policies import NEEDED, judged_tables, open_to_readers, openings, spelled_policies, ways_past
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
        if not judged.column:
            continue
        if rows:
            verb = "does" if len(rows) == 1 else "do"
            yield Draft(
                object=judged.name,
                detail=f"its {spelled_policies(rows)} {verb} not look at the tenant column {quote(judged.column.name)}",
                signature=tuple(row.name for row in rows),
                verify=statement("policies_of_table", judged.name),
                fix=mend_policies(catalog, policy, judged, rows),
            )
        elif past := () if openings(catalog, policy, judged) else ways_past(catalog, policy, judged):
            verb, noun = ("lets", "its") if len(past) == 1 else ("let", "their")
            yield Draft(
                object=judged.name,
                detail=f"its {spelled_policies(past)} {verb} a condition that does not look at the tenant stand, by OR,"
                f" for {noun} tenant condition",
                signature=("or", *(row.name for row in past)),
                severity=Severity.WARNING,
                verify=statement("policies_of_table", judged.name),
            )
