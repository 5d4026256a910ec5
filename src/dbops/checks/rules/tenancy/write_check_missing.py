"""Rows can be written for another tenant.

## What it detects

Permissive policies on tenant tables that let a session insert a row of another tenant, or give a row of its own to
another one: FOR INSERT, FOR UPDATE or FOR ALL with a WITH CHECK expression that does not hold the new row to the
tenant, such as `WITH CHECK (true)`. A restrictive policy that holds new rows closes what a permissive one opens. Where
a policy's USING expression is open as well, the rules about reading and about blind writes report it. Where
`[tenancy] app_roles` is configured, only policies that apply to a role which the application is or can become count,
and only if it may insert or update.

## Why it matters

A forged or forgotten tenant becomes another tenant's row: its owner sees data that is not theirs, the writer no longer
sees it, and nothing fails.

## How to fix

Give the policy the tenant condition as WITH CHECK, with the statements of the finding. A FOR ALL or FOR UPDATE policy
without a WITH CHECK uses its USING expression, which is right as well.

## What it does not see

Triggers that change the tenant after the check, and what a check compares the tenant column with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.holds import Hold
from dbops.checks.row_policies import NEEDED, Side, judged_tables, open_to_writers, spelled_policies
from dbops.checks.row_security import mend_policies
from dbops.checks.rule import Draft, Rule
from dbops.checks.tenants import scope
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.row_policies import Judged, Opening

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.ERROR, needs=NEEDED)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table that takes rows of another tenant."""
    for judged in judged_tables(catalog, policy):
        if found := open_to_writers(catalog, policy, judged):
            yield _draft(catalog, policy, judged, found)


def _draft(catalog: Catalog, policy: Policy, judged: Judged, found: tuple[Opening, ...]) -> Draft:
    rows = sorted({one.policy for one in found})
    sides = {one.side for one in found}
    words = [word for side, word in ((Side.ADD, "INSERT"), (Side.REWRITE, "UPDATE")) if side in sides]
    why = "is true" if all(one.hold is Hold.ALWAYS_TRUE for one in found) else "does not look at the tenant"
    take = "take" if len(words) > 1 else "takes"
    detail = (
        f"{' and '.join(words)} {take} rows of another tenant: the WITH CHECK of its {spelled_policies(rows)} {why}"
    )
    return Draft(
        object=judged.name,
        detail=detail,
        signature=tuple(row.name for row in rows),
        verify=statement("policies_of_table", judged.name),
        fix=mend_policies(catalog, policy, judged, rows),
    )
