"""A statement writes temporary files each time it runs.

## What it detects

Statements that, by pg_stat_statements, wrote a gigabyte and more of temporary files in ten executions or more, and each
time more than `work_mem` and 8 MiB. It is an info, and a warning where the statement takes 5 % of the time of all
statements of this database as well.

## Why it matters

A sort or a hash that does not fit into `work_mem` goes to disk and back: it takes several times as long, and it fills
the disk that the data are on, which stops the whole server when it is full.

## How to fix

First let it sort and hash less: an index in the wanted order, only the columns that are needed, a filter that comes
earlier. Else give this one statement more memory, in its own transaction: `set local work_mem = '…'`. More for
everybody is no fix: every sort of every session may take that much. `temp_file_limit` bounds what one session may
write.

## What it does not see

Which part of the statement spills; `explain (analyze, buffers)` on a restored copy shows it. Temporary tables are not
counted. Settings of roles, databases and transactions may differ from the `work_mem` that is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import QuerySettings, StatementStatistics
from dbops.checks.names import qualified, quote
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.statements import clipped
from dbops.checks.verify import statement as verifying
from dbops.checks.workload import hidden, observed, require_statistics, scope_of
from dbops.quantities import counted, size
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.workload import Observed
    from dbops.model import Scope

RULE = Rule(severity=Severity.INFO, needs=[QuerySettings], refines=[StatementStatistics])

# Fewer are a person at a prompt, or a report at night.
MIN_CALLS = 10
# In all: less than this no disk notices.
MIN_BYTES = 1 << 30
# Each time: what a small work_mem spills costs little, since it stays in the page cache.
MIN_BYTES_EACH = 8 << 20
# The share of the database's time from which it is worth somebody's attention.
HEAVY_SHARE = 0.05
# Held in memory, rows take about so many times the room that they take on disk.
_MEMORY_FACTOR = 3
# More than this for one statement is no advice.
_LARGEST_WORK_MEM = 512 << 20


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each statement that spills much, each time, again and again."""
    require_statistics(catalog)
    [settings] = catalog.rows(QuerySettings)
    for one in observed(catalog):
        if one.counted and _spills(one.counted.calls, one.temp_bytes, settings.work_mem):
            yield _draft(one, one.temp_bytes // one.counted.calls, settings)
    if any(_spills(row.calls, row.temp_bytes, settings.work_mem) for row in hidden(catalog)):
        raise RuleSkippedError(
            "statements that write as much to temporary files are hidden from this role",
            hint=f"grant pg_read_all_stats to {quote(catalog.server.user)};",
        )


def scope(catalog: Catalog, policy: Policy) -> Scope | None:  # noqa: ARG001
    """Every statement of the statistics, of which the role may see some."""
    return scope_of(catalog)


def _spills(calls: int, temp_bytes: int, work_mem: int) -> bool:
    return calls >= MIN_CALLS and temp_bytes >= MIN_BYTES and temp_bytes / calls >= max(MIN_BYTES_EACH, work_mem)


def _draft(one: Observed, each: int, settings: QuerySettings) -> Draft:
    heavy = one.counted is not None and one.counted.share >= HEAVY_SHARE
    executions = one.counted.calls if one.counted else 0
    detail = (
        f"writes {size(each)} of temporary files each time, {size(one.temp_bytes)} in"
        f" {counted(executions, 'execution')};"
        f" work_mem is {size(settings.work_mem)}{_advice(each)}: {clipped(one.statement.text)}"
    )
    view = qualified(settings.extension_schema or "public", "pg_stat_statements")
    return Draft(
        object=one.statement.name,
        detail=detail,
        signature=(one.statement.fingerprint,),
        severity=Severity.WARNING if heavy else None,
        verify=verifying("statistics_of_statement", str(one.query_id)).replace(":view", view),
    )


def _advice(each: int) -> str:
    """Say how much memory would do, where that is an amount to give to one statement."""
    wanted = 1 << (_MEMORY_FACTOR * each - 1).bit_length()
    return f", some {size(wanted)} would do for it" if wanted <= _LARGEST_WORK_MEM else ""
