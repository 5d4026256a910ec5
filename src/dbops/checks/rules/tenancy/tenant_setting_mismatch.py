"""Policies ask another setting than the one that holds the tenant.

## What it detects

Policies of tenant tables that look at the tenant column and read settings (`current_setting`), themselves or by the
functions they call, of which none is the tenant's (`[tenancy] setting`, by default `app.org_id`). Without a `[tenancy]`
in the configuration it is the one that most policies read.

## Why it matters

The application sets one name and the policy reads another, so the policy sees no tenant: at best the table looks empty,
at worst the other name is set somewhere too, to something that is not this tenant. A misspelt name is no error to
PostgreSQL, which takes any name with a dot in it.

## How to fix

Let the policies read the tenant's setting, with the statements of the finding; where several other settings are read,
decide which of them was meant. If the configuration is what is wrong, correct `[tenancy] setting` in `dbops.toml`.

## What it does not see

Names that are put together when the policy runs, settings by which a sub-select or a function finds rows of another
table (the organizations of a user), functions that are called by other functions, and what the application sets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.row_policies import NEEDED, judged_tables, misread, settings_read, spelled_policies
from dbops.checks.row_security import mend_policies
from dbops.checks.rule import Draft, Rule
from dbops.checks.setting_reads import own_reads
from dbops.checks.tenants import scope, tenancy_of
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.catalog import Catalog, RowPolicy
    from dbops.checks.policy import Policy
    from dbops.checks.remediation import Fix
    from dbops.checks.row_policies import Judged

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.ERROR, needs=NEEDED)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table whose policies read the wrong setting."""
    tenancy = tenancy_of(catalog, policy)
    for judged in judged_tables(catalog, policy):
        rows = [row for row in judged.policies if judged.tied(row) and misread(catalog, tenancy, row)]
        if rows:
            names = sorted({name for row in rows for name in misread(catalog, tenancy, row)})
            verb = "reads" if len(rows) == 1 else "read"
            yield Draft(
                object=judged.name,
                detail=f"its {spelled_policies(rows)} {verb} {', '.join(names)}; the tenant is in {tenancy.setting}",
                signature=(*(row.name for row in rows), *names),
                verify=statement("policies_of_table", judged.name),
                fix=_fix(catalog, policy, judged, rows),
            )


def _fix(catalog: Catalog, policy: Policy, judged: Judged, rows: Sequence[RowPolicy]) -> Fix | None:
    """Return the fix where the policies themselves read one other setting; a function is a person's to change."""
    for row in rows:
        texts = (row.using_expression, row.check_expression)
        own = {read.setting for text in texts for read in own_reads(text)}
        if len(own) != 1 or own != set(settings_read(catalog, row)):
            return None
    return mend_policies(catalog, policy, judged, rows)
