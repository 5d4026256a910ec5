"""Slow statements are not logged.

## What it detects

That no statement is logged for taking long: `log_min_duration_statement` is off, and so are its sampling variants, and
auto_explain is not loaded or off. Settings for one role or this database count as on, since somebody chose whom to
watch. It is a warning, and an info where pg_stat_statements counts statements.

## Why it matters

When users say that it was slow at ten past nine, nothing can say what was: the statistics know averages, only the log
knows which execution it was, when, with which lock or plan, and who waited.

## How to fix

Set a threshold that few statements pass; 500 ms is a beginning. On a busy server let `log_min_duration_sample` and
`log_statement_sample_rate` write some of what is faster. Values are logged with the statements: keep the log as safe as
the data, or set `log_parameter_max_length = 0`. With `log_destination = 'jsonlog'` (or csvlog) `dbops audit --slow-log
FILE` reads it.

## What it does not see

Proxies, drivers and monitoring that keep slow statements elsewhere, and whether anybody reads the log. Settings that an
application makes for its session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import QuerySettings
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[QuerySettings])

_OFF = "-1"


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield one finding where nothing logs slow statements."""
    [settings] = catalog.rows(QuerySettings)
    if _is_logged(settings) or any(_switches_on(setting) for setting in settings.overrides):
        return
    counted = settings.extension_schema is not None and settings.max_statements is not None
    rest = "pg_stat_statements counts them, without saying when" if counted else "pg_stat_statements does not either"
    yield Draft(
        object="log_min_duration_statement",
        detail=f"is off, and so is all else that logs slow statements; {rest}",
        severity=Severity.INFO if counted else None,
        verify=statement("statement_logging", "log_min_duration_statement"),
        fix=Fix(
            "alter system set log_min_duration_statement = '500ms';\nselect pg_catalog.pg_reload_conf();",
            "alter system reset log_min_duration_statement;\nselect pg_catalog.pg_reload_conf();",
            "None. Outside a transaction, as a superuser; every session follows within seconds.",
        ),
    )


def _is_logged(settings: QuerySettings) -> bool:
    return (
        settings.min_duration_ms >= 0
        or (settings.min_duration_sample_ms >= 0 and settings.statement_sample_rate > 0)
        or settings.transaction_sample_rate > 0
        or (settings.auto_explain_ms >= 0 and settings.auto_explain_sample_rate > 0)
        # A duration without its statement says nothing.
        or (settings.log_duration and settings.log_statement == "all")
    )


def _switches_on(setting: str) -> bool:
    """Return whether a setting of a role or database, as `name=value`, logs slow statements there."""
    name, _, value = setting.partition("=")
    if name in {"log_min_duration_statement", "log_min_duration_sample", "auto_explain.log_min_duration"}:
        return not value.startswith(_OFF)
    if name == "log_transaction_sample_rate":
        return float(value) > 0
    return name == "session_preload_libraries" and "auto_explain" in value
