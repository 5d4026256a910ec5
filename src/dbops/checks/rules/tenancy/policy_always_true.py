"""A policy lets everybody read the rows of every tenant.

## What it detects

Permissive policies for reading (FOR SELECT or FOR ALL) on tenant tables whose USING expression is true whatever the row
is: `true`, `1 = 1`, a column equal to itself, the tenant column merely not null, or any of these joined by OR to
something else. Permissive policies are joined by OR, so one of them opens the table; a restrictive policy that holds
the row to its tenant closes it again, and then nothing is reported. Where `[tenancy] app_roles` is configured, only
policies that apply to a role which the application is or can become count, and only if it may read the table.

## Why it matters

The table counts as protected, and each query that forgets its tenant condition returns the rows of all tenants.

## How to fix

Put the tenant condition into the policy, with the statements of the finding. A role that is meant to see all tenants
should have BYPASSRLS and be used by nothing else; a table that is meant for all tenants belongs under
`[tenancy] exempt`, with the reason.

## What it does not see

Expressions that are true for other reasons, such as a function that always returns true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.holds import Hold
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
    """Yield each tenant table that a policy opens to everybody."""
    for judged in judged_tables(catalog, policy):
        if rows := open_to_readers(catalog, policy, judged, Hold.ALWAYS_TRUE):
            verb = "is" if len(rows) == 1 else "are"
            yield Draft(
                object=judged.name,
                detail=f"its {spelled_policies(rows)} {verb} true for the rows of every tenant",
                signature=tuple(row.name for row in rows),
                verify=statement("policies_of_table", judged.name),
                fix=mend_policies(catalog, policy, judged, rows),
            )
