"""The planner works with statistics that are missing or out of date.

## What it detects

Tables of a thousand rows and more that were never analyzed, as after a restore or an upgrade; tables of which more rows
have changed since than twice what makes autovacuum analyze them; and partitioned tables that were never analyzed as a
whole, which autovacuum does not do: it comes to partitions only.

## Why it matters

Without statistics the planner guesses, and with old ones it is wrong with confidence: it takes a nested loop for ten
rows where there are ten million. The first hour after a restore is when that hurts most.

## How to fix

Analyze the table: it reads a sample, and stands in nobody's way. After a restore do it for everything
(`vacuumdb --all --analyze-in-stages`). For partitioned tables put it into a nightly job.

## What it does not see

Whether a plan is any worse for it. Whether statistics of a partitioned table have become old: nobody counts that.
Tables of which counters were reset since and whose statistics the role may not see are a skip. Foreign tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import Relation, TableUpkeep, VacuumSettings
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.vacuuming import days_said, require_counts
from dbops.checks.verify import statement
from dbops.quantities import counted
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[Relation, TableUpkeep, VacuumSettings])

# A smaller table is read as a whole whatever the planner believes.
LEAST_ROWS = 1_000
OVERDUE = 2

LOCKS = "SHARE UPDATE EXCLUSIVE while a sample is read: reads and writes go on."
_NAMED_GRANTS = 20


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each table with missing or old statistics; then say of which nothing can be told."""
    require_counts(catalog)
    unknown: list[Relation] = []
    for upkeep in catalog.rows(TableUpkeep):
        table = catalog.relations.get(upkeep.table)
        if table is None:
            continue
        said = _of_whole(catalog, table, upkeep) if table.is_partitioned else _of_table(table, upkeep)
        if said:
            yield _draft(table, said)
        elif upkeep.statistics == "unknown" and _rows(catalog, table, upkeep) >= LEAST_ROWS:
            unknown.append(table)
    if unknown:
        raise _untold(catalog, unknown)


def _rows(catalog: Catalog, table: Relation, upkeep: TableUpkeep) -> int:
    # A partition that was never analyzed has no estimate, but a counter.
    live = catalog.once("live rows", lambda: {row.table: row.live for row in catalog.rows(TableUpkeep)})
    return max(upkeep.live, sum(max(leaf.rows, live.get(leaf.oid, 0), 0) for leaf in catalog.leaves(table.oid)))


def _of_table(table: Relation, upkeep: TableUpkeep) -> str | None:
    """Return what is wrong with the statistics of a table that stores rows."""
    rows = max(upkeep.live, table.rows)
    if upkeep.statistics == "missing" and rows >= LEAST_ROWS:
        return f"was never analyzed, and holds about {rows:,} rows"
    if upkeep.modified >= max(LEAST_ROWS, OVERDUE * upkeep.analyze_threshold):
        when = f"it was analyzed{days_said(upkeep.analyzed_seconds)}"
        if upkeep.analyzed_seconds is None:
            when = "the counters began"
        disabled = "" if upkeep.autovacuum else "; autovacuum is disabled for it"
        return f"{upkeep.modified:,} changes since {when}, in about {rows:,} rows{disabled}"
    return None


def _of_whole(catalog: Catalog, table: Relation, upkeep: TableUpkeep) -> str | None:
    """Return what is wrong with the statistics of a partitioned table as a whole."""
    rows = _rows(catalog, table, upkeep)
    if upkeep.statistics == "missing" and rows >= LEAST_ROWS:
        return f"was never analyzed as a whole, with about {rows:,} rows in its partitions: autovacuum does not do that"
    return None


def _draft(table: Relation, said: str) -> Draft:
    name = qualified(table.schema, table.name)
    return Draft(
        object=name,
        detail=said,
        verify=statement("upkeep_of_table", name),
        fix=Fix(f"analyze {name};", locks=LOCKS),
    )


def _untold(catalog: Catalog, tables: Sequence[Relation]) -> RuleSkippedError:
    user = quote(catalog.server.user)
    names = ", ".join(qualified(table.schema, table.name) for table in tables)
    if len(tables) > _NAMED_GRANTS:
        names = "all tables in schema " + ", ".join(dict.fromkeys(quote(table.schema) for table in tables))
    remedy = f"grant select on {names} to {user};"
    if any(table.rls_enabled for table in tables):
        remedy += f"\nalter role {user} bypassrls;"
    return RuleSkippedError(
        f"nothing tells whether {counted(len(tables), 'of the tables has', 'of the tables have')} statistics:"
        " the counters know of no analyze, and the"
        " statistics may not be read",
        hint=remedy,
    )
