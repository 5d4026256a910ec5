"""No restore of this database was proven lately.

## What it detects

That the last restore drill of this database that passed, by the reports kept under the log directory, is longer ago
than `drill_every` (31 days unless set), or that there is none at all. Past a `drill_every` that was declared it is an
error; a database that was never drilled from here is a warning, since it may be drilled from elsewhere.

## Why it matters

A backup that was never restored is a hope. What breaks restores, an extension that is gone, a role without its rights,
a key that nobody has any more, breaks them silently, and shows up on the one day when there is no time.

## How to fix

`dbops drill --depth restore`, or `dbops suite` every night from cron or CI with a log directory that is kept. Where
drills run on another machine, run the audit there, or accept the finding with a waiver that says where.

## What it does not see

Drills whose reports are kept elsewhere or were removed, and rehearsals without dbops. It believes the reports: whether
they are what was written is what `dbops evidence verify` says. A drill of the schema alone proves no restore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import RestoreHistory
from dbops.checks.quantities import span
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.quantities import counted
from dbops.settings import spell_duration
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[RestoreHistory])

_FIX = Fix("-- dbops backup, then:\n-- dbops drill --depth restore", None, "None: a drill only reads.")


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield one finding where the proof is too old, or there is none."""
    history = next(iter(catalog.rows_if_readable(RestoreHistory)), None)
    if history is None:
        raise RuleSkippedError(
            "no kept reports were looked at", hint="run it as dbops audit, with the log directory that the drills use"
        )
    limit = policy.drill_every
    if history.passed_seconds is None:
        yield _draft(catalog, policy, f"no restore of it was ever proven from here{_since(history)}", None)
    elif history.passed_seconds > limit.value.total_seconds():
        ago = span(history.passed_seconds)
        detail = (
            f"its last proven restore is {ago} ago ({history.passed_run}), and one is due every"
            f" {spell_duration(limit.value)}{_since(history)}"
        )
        yield _draft(catalog, policy, detail, Severity.ERROR if limit.declared else None)


def _since(history: RestoreHistory) -> str:
    if not history.drills:
        return ""
    drills = counted(history.drills, "drill")
    return f"; {drills} since did not pass, the last one is {history.last_verdict}"


def _draft(catalog: Catalog, policy: Policy, detail: str, severity: Severity | None) -> Draft:
    return Draft(
        object=catalog.server.database,
        subject="this database",
        detail=detail,
        severity=severity,
        fix=_FIX,
        location=policy.drill_every.location,
    )
