"""A policy reads the tenant again for each row.

## What it detects

Policies of tenant tables that read a setting, or call a function without arguments that is not immutable, outside of a
sub-select. All sub-selects are cut out of the expression, and what is left is looked at.

## Why it matters

`current_setting` is evaluated once for each row that is looked at; inside a scalar sub-select it is evaluated once for
the statement. On a large scan that is most of the time the policy takes.

## How to fix

Put a sub-select around it, with the statements of the finding: `org_id = (select nullif(current_setting('app.org_id',
true), '')::bigint)`. The result is the same.

## What it does not see

Functions that are given a column, which have to be called for each row, and what a sub-select that depends on the row
evaluates again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.row_policies import NEEDED, calls_of, judged_tables, spelled_policies
from dbops.checks.row_security import mend_policies
from dbops.checks.rule import Draft, Rule
from dbops.checks.setting_reads import per_row
from dbops.checks.tenants import scope
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, RowPolicy
    from dbops.checks.policy import Policy

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.INFO, needs=NEEDED)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table with policies that are evaluated row by row."""
    for judged in judged_tables(catalog, policy):
        rows = [row for row in judged.policies if judged.tied(row) and _repeats(catalog, row)]
        if rows:
            verb = "reads" if len(rows) == 1 else "read"
            yield Draft(
                object=judged.name,
                detail=f"its {spelled_policies(rows)} {verb} the tenant for each row, not once for a statement",
                signature=tuple(row.name for row in rows),
                verify=statement("policies_of_table", judged.name),
                fix=mend_policies(catalog, policy, judged, rows),
            )


def _repeats(catalog: Catalog, row: RowPolicy) -> bool:
    calls = calls_of(catalog, row)
    return any(per_row(text, calls) for text in (row.using_expression, row.check_expression))
