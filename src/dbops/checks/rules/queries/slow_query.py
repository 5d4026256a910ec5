"""A statement is slow, and takes much of the server's time.

## What it detects

Statements that take a good part of the time of all statements of this database, and are slow each time, and run often
enough to matter: 5 % and 100 ms and ten calls, all three, by pg_stat_statements; or, in a slow log given with
`--slow-log`, 5 % of the time logged and 100 ms and three executions. Counted are the statements that applications send
themselves: what a function runs is in its caller's time, and utility commands and what asks the system catalogs are
left out. Where the plan shows a table read from start to end for few of its rows, the finding says so, and which index
would find them.

## Why it matters

A few statements make most of the load. They are what users wait for, what holds locks and connections while it runs,
and what a bigger server would be bought for.

## How to fix

Where the finding has a statement for it, try the index on a restored copy first: `explain (analyze, buffers)` there,
with real values, shows whether it is used; never on production. Otherwise read the plan there for what takes the time:
rows fetched to be thrown away, a sort that spills, a loop over a slow part.

## What it does not see

Values: plans are those for any values, so a statement that is slow for one tenant alone looks like all others. Plans
are made with the rights of the role that audits, and not at all in a superuser's session. Statements that the
statistics have thrown out again, those prepared and carried out in a function, and ones that name pg_catalog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.candidates import candidates, is_selective, scanned_table
from dbops.checks.catalog import (
    Collation,
    DataType,
    Index,
    LoggedStatement,
    OperatorClass,
    Plan,
    QuerySettings,
    Relation,
    SearchPath,
    StatementStatistics,
    TableColumns,
)
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.statements import clipped
from dbops.checks.verify import statement as verifying
from dbops.checks.workload import hidden, observed, plan_nodes, require_statistics, scope_of
from dbops.quantities import counted
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.workload import Figures, Observed
    from dbops.model import Scope

RULE = Rule(
    severity=Severity.WARNING,
    needs=[Relation, TableColumns, DataType, Index, OperatorClass, Collation],
    refines=[StatementStatistics, QuerySettings, LoggedStatement, SearchPath, Plan],
)

# Mending a statement that takes less of the time is not felt elsewhere.
MIN_SHARE = 0.05
# What a person begins to notice.
MIN_MEAN_MS = 100.0
# Fewer are a person at a prompt.
MIN_CALLS = 10
# A log holds none but slow executions, so a few of them say as much.
MIN_LOGGED_CALLS = 3


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each statement that is slow, often and heavy."""
    if not catalog.rows_if_readable(LoggedStatement):
        require_statistics(catalog)
    for one in observed(catalog):
        if _is_slow(one.counted, MIN_CALLS) or _is_slow(one.logged, MIN_LOGGED_CALLS):
            yield _draft(catalog, one)
    unseen = hidden(catalog)
    if unseen and sum(row.total_us for row in unseen) >= MIN_SHARE * unseen[0].database_us:
        raise RuleSkippedError(
            f"the statements of {counted(unseen[0].hidden, 'entry', 'entries')} of pg_stat_statements are hidden from"
            " this role",
            hint=f"grant pg_read_all_stats to {quote(catalog.server.user)};",
        )


def scope(catalog: Catalog, policy: Policy) -> Scope | None:  # noqa: ARG001
    """Every statement of the statistics, of which the role may see some."""
    return scope_of(catalog)


def _is_slow(figures: Figures | None, least_calls: int) -> bool:
    return (
        figures is not None
        and figures.calls >= least_calls
        and figures.mean_ms >= MIN_MEAN_MS
        and figures.share >= MIN_SHARE
    )


def _draft(catalog: Catalog, one: Observed) -> Draft:
    said = [*_figures(one), *_scans(catalog, one), *_problem(catalog, one)]
    return Draft(
        object=one.statement.name,
        detail=f"{'; '.join(said)}: {clipped(one.statement.text)}",
        signature=(one.statement.fingerprint,),
        verify=_verify(catalog, one),
        fix=_fix(catalog, one),
    )


def _figures(one: Observed) -> Iterator[str]:
    for figures, where in ((one.counted, "time of all statements"), (one.logged, "time in the slow log")):
        if figures:
            yield (
                f"{figures.share:.0%} of the {where}, {counted(figures.calls, 'execution')} of"
                f" {figures.mean_ms:,.0f} ms"
                " on average"
            )


def _scans(catalog: Catalog, one: Observed) -> Iterator[str]:
    """Say which tables the plan reads from start to end for few of their rows, each once."""
    seen: set[str] = set()
    for node in plan_nodes(catalog, one):
        table = scanned_table(catalog, node)
        if table is None or not is_selective(catalog, node):
            continue
        name = qualified(table.schema, table.name)
        if name not in seen:
            seen.add(name)
            yield f"reads {name} from start to end" + (f" for the rows where {node.filter}" if node.filter else "")


def _problem(catalog: Catalog, one: Observed) -> Iterator[str]:
    for plan in catalog.rows_if_readable(Plan):
        if plan.statement == one.statement.fingerprint and plan.problem:
            yield f"its plan is not known ({plan.problem})"


def _verify(catalog: Catalog, one: Observed) -> str | None:
    if one.query_id is None:
        return None
    schema = next((row.extension_schema for row in catalog.rows_if_readable(QuerySettings)), None)
    view = qualified(schema, "pg_stat_statements") if schema else "pg_stat_statements"
    return verifying("statistics_of_statement", str(one.query_id)).replace(":view", view)


def _fix(catalog: Catalog, one: Observed) -> Fix | None:
    wanted = candidates(catalog)
    found = dict.fromkeys(wanted[node] for node in plan_nodes(catalog, one) if node in wanted)
    return _together([fix for candidate in found if (fix := candidate.fix(catalog))])


def _together(fixes: Sequence[Fix]) -> Fix | None:
    if not fixes:
        return None
    undo = "\n".join(fix.undo for fix in fixes if fix.undo) or None
    return Fix("\n".join(fix.sql for fix in fixes), undo, fixes[0].locks)
