"""A session without a tenant is let in.

## What it detects

Policies of tenant tables that hold a row to the tenant of the session, and let a session in that has none: a default in
the place of the missing tenant (`coalesce(…, org_id)`, `coalesce(…, 1)`), a condition such as `… is null or …` beside
the tenant condition, a CASE on it, or a function that does one of these. A default that is empty, null or negative is
taken for no tenant. Another policy that holds closes what this one opens, and then nothing is reported.

## Why it matters

Forgetting to set the tenant is the commonest mistake, and the one that row-level security is there for. A policy that
takes it for "all tenants", or for some particular one, turns the mistake into a leak that no error announces.

## How to fix

Let a missing tenant be null, and add the plain tenant condition, with the statements of the finding. Jobs that work
for all tenants set one after the other, or run as a role with BYPASSRLS.

## What it does not see

Rows whose tenant is null and that a policy shows to everybody, functions that are called by other functions, and
defaults put together in other ways than these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.holds import Hold
from dbops.checks.row_policies import NEEDED, judged_tables, openings, spelled_policies
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

RULE = Rule(severity=Severity.WARNING, needs=NEEDED)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table that a session without a tenant gets into."""
    for judged in judged_tables(catalog, policy):
        open_ones = openings(catalog, policy, judged)
        rows = sorted({one.policy for one in open_ones if one.hold is Hold.FAILS_OPEN})
        if rows:
            verb = "lets" if len(rows) == 1 else "let"
            yield Draft(
                object=judged.name,
                detail=f"its {spelled_policies(rows)} {verb} in a session that has no tenant",
                signature=tuple(row.name for row in rows),
                verify=statement("policies_of_table", judged.name),
                fix=mend_policies(catalog, policy, judged, rows),
            )
