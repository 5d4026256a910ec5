"""Nobody counts what the statements of this database cost.

## What it detects

That pg_stat_statements does not count, or does not show what it counts: its library is not loaded, the extension is not
in this database, `pg_stat_statements.track` is `none`, or `compute_query_id` is off. And that it is too small: where so
many entries were thrown out to make room that all of them were replaced in less than a day, what it says of the rest is
chance.

## Why it matters

Which statements make the load is the first question of every tuning and every incident, and it cannot be answered
afterwards: what was not counted is gone.

## How to fix

Load the library (that takes a restart), then create the extension in this database. Where it is too small, raise
`pg_stat_statements.max`; that takes a restart as well, and about 1 KiB of shared memory for each entry. Where the
entries differ in nothing but lists of values, or in the names of temporary tables, mend those statements instead.

## What it does not see

Other extensions and proxies that count statements. How many entries were thrown out is known from PostgreSQL 14 on. To
a role that is no member of pg_read_all_settings the list of loaded libraries is not shown, so that the finding cannot
say how to extend it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import QuerySettings, StatementEvictions
from dbops.checks.names import literal
from dbops.checks.quantities import DAY_SECONDS
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[QuerySettings], refines=[StatementEvictions])

_EXTENSION = "pg_stat_statements"
# Each time it is full, pg_stat_statements throws out 5 % of its entries: 20 times, and it holds others altogether.
_EVICTIONS_TO_REPLACE_ALL = 20
_LARGEST_MAX = 100_000
_RELOAD_LOCKS = "None. Outside a transaction, as a superuser; every session follows within seconds."
_RESTART_LOCKS = "None until the restart, which ends all sessions. Outside a transaction, as a superuser."


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield why statements are not counted, or not long enough."""
    [settings] = catalog.rows(QuerySettings)
    if settings.max_statements is None:
        yield _not_loaded(settings)
    elif settings.extension_schema is None:
        yield _not_created()
    if settings.track == "none":
        yield _switched_off("pg_stat_statements.track", "top", "is none: nothing is counted")
    if settings.query_ids == "off":
        yield _switched_off("compute_query_id", "auto", "is off: statements have no identity to be counted by")
    evictions = next(iter(catalog.rows_if_readable(StatementEvictions)), None)
    if evictions and settings.max_statements and _replaced_daily(evictions):
        yield _too_small(settings.max_statements, evictions)


def _not_loaded(settings: QuerySettings) -> Draft:
    there = (
        "the extension is in this database, but its library is not loaded"
        if settings.extension_schema
        else ("its library is not loaded")
    )
    missing = "" if settings.extension_available else "; its files are not installed (the contrib package has them)"
    return _draft(_EXTENSION, there + missing, "library", _loading(settings))


def _loading(settings: QuerySettings) -> Fix | None:
    """Return what adds the library to those that are loaded; None where those are not shown to the role."""
    if settings.preloaded is None or not settings.extension_available:
        return None
    libraries = [library.strip() for library in settings.preloaded.split(",") if library.strip()]
    before = ", ".join(literal(library.strip('"')) for library in libraries)
    after = ", ".join(filter(None, (before, literal(_EXTENSION))))
    lines = [f"alter system set shared_preload_libraries = {after};"]
    if settings.extension_schema is None:
        lines += ["-- then restart the server, and:", f"create extension {_EXTENSION};"]
    else:
        lines.append("-- then restart the server")
    undo = f"alter system set shared_preload_libraries = {before or literal('')};"
    if settings.extension_schema is None:
        undo = f"drop extension {_EXTENSION};\n{undo}"
    return Fix("\n".join(lines), undo, _RESTART_LOCKS)


def _not_created() -> Draft:
    fix = Fix(
        f"create extension {_EXTENSION};",
        f"drop extension {_EXTENSION};",
        "None but on what it creates. As a superuser.",
    )
    detail = "its library counts the statements of this database, but the extension that shows them is not here"
    return _draft(_EXTENSION, detail, "extension", fix)


def _switched_off(setting: str, value: str, detail: str) -> Draft:
    fix = Fix(
        f"alter system set {setting} = {literal(value)};\nselect pg_catalog.pg_reload_conf();",
        f"alter system reset {setting};\nselect pg_catalog.pg_reload_conf();",
        _RELOAD_LOCKS,
    )
    return _draft(setting, detail, "off", fix)


def _replaced_daily(row: StatementEvictions) -> bool:
    least = _EVICTIONS_TO_REPLACE_ALL * max(1.0, row.seconds / DAY_SECONDS)
    return row.evictions >= least


def _too_small(size: int, row: StatementEvictions) -> Draft:
    times = row.evictions / _EVICTIONS_TO_REPLACE_ALL / max(1.0, row.seconds / DAY_SECONDS)
    larger = min(2 * size, _LARGEST_MAX)
    fix = Fix(
        f"alter system set pg_stat_statements.max = {larger};\n-- then restart the server",
        f"alter system set pg_stat_statements.max = {size};",
        _RESTART_LOCKS,
    )
    return Draft(
        object="pg_stat_statements.max",
        detail=f"{size:,} entries are too few: all of them were replaced {times:,.1f} times a day",
        signature=("too small",),
        severity=Severity.INFO,
        verify=statement("counting_of_statements", "pg_stat_statements.max"),
        fix=fix if larger > size else None,
    )


def _draft(name: str, detail: str, what: str, fix: Fix | None) -> Draft:
    return Draft(
        object=name,
        detail=detail,
        signature=(what,),
        verify=statement("counting_of_statements", name),
        fix=fix,
    )
