"""Policies fail with an error where a session has no tenant.

## What it detects

Policies that look at the tenant column and read the tenant's setting without `missing_ok`, the second argument of
`current_setting`; or cast what they read without making null of the empty string first. Functions that such policies
call are looked at as well.

## Why it matters

A setting that a session never set is an error without `missing_ok`. Once a transaction that set it has ended, it is the
empty string in that session, not null, and casting that to a number or a UUID is an error. Which of the two happens
depends on what the pooled connection did before, so the same query fails only sometimes.

## How to fix

Read it as `nullif(current_setting('app.org_id', true), '')`, which is null for a session without a tenant: no row is
equal to null, so nothing is shown and nothing fails. The statements of the finding do that. A function has to be
written anew by hand.

## What it does not see

Settings that are read for something else than the tenant, and functions that are called by other functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.row_policies import NEEDED, helpers_of, judged_tables, spelled_policies
from dbops.checks.row_security import mend_policies
from dbops.checks.rule import Draft, Rule
from dbops.checks.setting_reads import same_setting, setting_reads
from dbops.checks.tenants import scope, tenancy_of
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbops.checks.catalog import Catalog, PolicyFunction, RowPolicy
    from dbops.checks.policy import Policy
    from dbops.checks.row_policies import Judged
    from dbops.checks.setting_reads import SettingRead

__all__ = ["RULE", "find", "scope"]

RULE = Rule(severity=Severity.WARNING, needs=NEEDED)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each tenant table, and each function, that reads the tenant in a way that may fail."""
    setting = tenancy_of(catalog, policy).setting
    helpers: dict[PolicyFunction, tuple[SettingRead, ...]] = {}
    for judged in judged_tables(catalog, policy):
        rows: dict[RowPolicy, tuple[SettingRead, ...]] = {}
        for row in filter(judged.tied, judged.policies):
            if unsafe := _unsafe(setting, row.using_expression, row.check_expression):
                rows[row] = unsafe
            helpers |= {one: found for one in helpers_of(catalog, row) if (found := _unsafe(setting, one.source))}
        if rows:
            yield _of_table(catalog, policy, judged, rows)
    for helper, found in helpers.items():
        yield Draft(
            object=helper.canonical_name,
            detail=f"reads {setting} {_spelled(found)}, and policies call it",
            verify=statement("function", helper.canonical_name),
        )


def _unsafe(setting: str, *texts: str | None) -> tuple[SettingRead, ...]:
    reads = (read for text in texts for read in setting_reads(text))
    return tuple(read for read in reads if same_setting(read.setting, setting) and not read.is_safe)


def _of_table(
    catalog: Catalog, policy: Policy, judged: Judged, rows: Mapping[RowPolicy, tuple[SettingRead, ...]]
) -> Draft:
    found = tuple(read for reads in rows.values() for read in reads)
    verb = "reads" if len(rows) == 1 else "read"
    return Draft(
        object=judged.name,
        detail=f"its {spelled_policies(rows)} {verb} {found[0].setting} {_spelled(found)}",
        signature=tuple(sorted(row.name for row in rows)),
        verify=statement("policies_of_table", judged.name),
        fix=mend_policies(catalog, policy, judged, rows),
    )


def _spelled(reads: tuple[SettingRead, ...]) -> str:
    """Return what is missing, in words."""
    lacks = {
        "without missing_ok, an error where it was never set": any(not read.missing_ok for read in reads),
        "without nullif before the cast, an error where it is empty": any(
            read.missing_ok and not read.is_safe for read in reads
        ),
    }
    return " and ".join(words for words, there in lacks.items() if there)
