"""UPDATE or DELETE reaches rows that SELECT does not show.

## What it detects

Tenant tables whose rows are held to the tenant when they are read, and not when they are changed or removed: a
permissive policy FOR UPDATE, FOR DELETE or FOR ALL whose USING expression is true, or does not look at the tenant, with
no restrictive policy for that command to hold it. Where reading is open as well, the rules about that report the table.
Where `[tenancy] app_roles` is configured, only policies that apply to a role which the application is or can become
count, and only if it may update or delete.

## Why it matters

PostgreSQL asks the policies for SELECT only when a statement reads a column. `delete from t` and `update t set n = 0`
read none, so they reach every row that the policies for DELETE and UPDATE let through: one statement without WHERE
empties the table of all tenants, while every test that has a WHERE shows nothing wrong.

## How to fix

Give the policy the tenant condition as USING, with the statements of the finding.

## What it does not see

TRUNCATE, which no policy restrains, and what a policy compares the tenant column with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.row_policies import NEEDED, Side, blind_writes, judged_tables, spelled_policies
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
    """Yield each tenant table of which more can be written than read."""
    for judged in judged_tables(catalog, policy):
        if found := blind_writes(catalog, policy, judged):
            yield _draft(catalog, policy, judged, found)


def _draft(catalog: Catalog, policy: Policy, judged: Judged, found: tuple[Opening, ...]) -> Draft:
    rows = sorted({one.policy for one in found})
    sides = {one.side for one in found}
    words = [word for side, word in ((Side.CHANGE, "UPDATE"), (Side.REMOVE, "DELETE")) if side in sides]
    reach = "reaches" if len(words) == 1 else "reach"
    detail = f"{' and '.join(words)} without a WHERE {reach} the rows of every tenant, by its {spelled_policies(rows)}"
    return Draft(
        object=judged.name,
        detail=f"{detail}; SELECT shows one tenant's",
        signature=tuple(row.name for row in rows),
        verify=statement("policies_of_table", judged.name),
        fix=mend_policies(catalog, policy, judged, rows),
    )
