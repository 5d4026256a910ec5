"""A function reads the tenant and promises always to return the same.

## What it detects

Functions that are declared IMMUTABLE and read the tenant's setting (`[tenancy] setting`), or any setting where a policy
of a tenant table calls them.

## Why it matters

PostgreSQL evaluates an immutable function while it plans and keeps the result in the plan. A prepared statement that
was planned for one tenant then returns that tenant's rows to the next one that uses the connection; drivers prepare
what is executed a few times, so it happens under load and not in tests.

## How to fix

Declare it STABLE, with the statement of the finding, and let the application connect anew: an open session keeps the
plans that it has prepared.

## What it does not see

Immutable functions that read the tenant from a table, or by another function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.remediation import Fix
from dbops.checks.row_policies import NEEDED, functions, judged_tables
from dbops.checks.rule import Draft, Rule
from dbops.checks.setting_reads import same_setting, setting_reads
from dbops.checks.tenants import tenancy_of
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, PolicyFunction
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.ERROR, needs=NEEDED)

_LOCKS = "None on tables. Open sessions keep the plans that they have prepared."


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each function that must not be immutable."""
    setting = tenancy_of(catalog, policy).setting
    called = {oid for judged in judged_tables(catalog, policy) for row in judged.policies for oid in row.functions}
    for one in functions(catalog).values():
        read = {read.setting for read in setting_reads(one.source)}
        if one.volatility == "i" and read and (one.oid in called or any(same_setting(x, setting) for x in read)):
            yield _draft(one, sorted(read), called=one.oid in called)


def _draft(one: PolicyFunction, read: list[str], *, called: bool) -> Draft:
    name = one.canonical_name
    use = "; policies call it" if called else ""
    return Draft(
        object=name,
        detail=f"is IMMUTABLE and reads {', '.join(read)}{use}",
        verify=statement("function", name),
        fix=Fix(f"alter function {name} stable;", f"alter function {name} immutable;", _LOCKS),
    )
