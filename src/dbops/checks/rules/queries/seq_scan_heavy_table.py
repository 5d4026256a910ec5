"""A table is read from start to end, over and over.

## What it detects

Tables of at least 10,000 rows and 8 MiB of which, since the statistics were reset, ten million rows and more have been
read by scans of the whole table: at least a hundred times the table, and ten times a day. Counted is what was read, not
how often a scan began: one that ends after the first rows costs nothing. It is an info by itself, and a warning where
the plan of one of the heaviest statements is such a scan and keeps few of the rows. A partitioned table is one table.

## Why it matters

Every such scan reads all that was ever stored for what is wanted today: it gets slower with each day, takes the cache
from what others need, and does not show while the table is small.

## How to fix

Create the index that the finding names, on a restored copy first; `explain (analyze)` there shows whether it is used.
Where no statement is named, look for the ones that read the table in pg_stat_statements, and leave the table alone
where they want most of its rows: a report that adds everything up has to read everything.

## What it does not see

Who reads. A dump reads every table from start to end, and so do a backup that counts rows, an index build and the
check of a new foreign key; the threshold of ten times a day allows for those. The counters are this server's own: a
standby counts what is read there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.candidates import candidates, is_selective, scanned_table
from dbops.checks.catalog import (
    Collation,
    DataType,
    Index,
    LoggedStatement,
    OperatorClass,
    Plan,
    PlanNode,
    Relation,
    SearchPath,
    StatementStatistics,
    StatisticsWindow,
    TableColumns,
    TableScans,
)
from dbops.checks.names import qualified
from dbops.checks.quantities import DAY_SECONDS, PAGE_BYTES, days
from dbops.checks.rule import Draft, Rule
from dbops.checks.statements import clipped
from dbops.checks.verify import statement
from dbops.checks.workload import observed
from dbops.model import Scope
from dbops.quantities import counted, size
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.remediation import Fix
    from dbops.checks.workload import Observed

RULE = Rule(
    severity=Severity.INFO,
    needs=[
        Relation,
        TableScans,
        StatisticsWindow,
        TableColumns,
        DataType,
        Index,
        OperatorClass,
        Collation,
    ],
    refines=[StatementStatistics, LoggedStatement, SearchPath, Plan],
)

# Below that an index saves nothing worth having: the read asks for 8 MiB already, this is about rows.
LEAST_ROWS = 10_000
# Seconds of work in all; less is a day's worth of dumps on a small table.
LEAST_ROWS_READ = 10_000_000
# What index builds, dumps and backups read in the first days.
LEAST_TIMES = 100
# Dumps, backups and drills together stay below that.
LEAST_TIMES_A_DAY = 10


class Heavy(NamedTuple):
    """A table and how much of it was read by scans of the whole."""

    table: Relation
    rows: int
    pages: int
    rows_read: int

    @property
    def times(self) -> float:
        """How many times the table that is."""
        return self.rows_read / self.rows


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each table that is read from start to end too much."""
    seconds = next((row.seconds for row in catalog.rows(StatisticsWindow)), None)
    least = max(LEAST_TIMES, LEAST_TIMES_A_DAY * (seconds or 0) / DAY_SECONDS)
    for heavy in _scanned(catalog):
        if heavy.rows_read >= LEAST_ROWS_READ and heavy.times >= least:
            yield _draft(catalog, heavy, seconds)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001
    """Every table, partitions counting with their parent."""
    total = sum(1 for table in catalog.rows(Relation) if table.kind in {"r", "p", "m"} and table.parent is None)
    return Scope(checked=total, total=total)


def _scanned(catalog: Catalog) -> Iterator[Heavy]:
    """Yield the tables of some size with what was read of them, the partitions of one together."""
    parts: dict[int, list[Heavy]] = defaultdict(list)
    for scans in catalog.rows(TableScans):
        part = catalog.relations.get(scans.table)
        if part is not None:
            rows = max(part.rows, scans.live_rows)
            parts[_root(catalog, part).oid].append(Heavy(part, rows, part.pages, scans.rows_read))
    for table, read in parts.items():
        rows = sum(one.rows for one in read)
        if rows >= LEAST_ROWS:
            pages, rows_read = sum(one.pages for one in read), sum(one.rows_read for one in read)
            yield Heavy(catalog.relations[table], rows, pages, rows_read)


def _root(catalog: Catalog, table: Relation) -> Relation:
    while table.parent in catalog.relations:
        table = catalog.relations[table.parent]
    return table


def _draft(catalog: Catalog, heavy: Heavy, seconds: int | None) -> Draft:
    name = qualified(heavy.table.schema, heavy.table.name)
    span = f"in {days(seconds)}" if seconds else "since the statistics were reset"
    detail = (
        f"{heavy.rows_read:,} rows were read by scans of the whole table {span}, {heavy.times:,.0f} times the table"
        f" ({heavy.rows:,} rows, {size(heavy.pages * PAGE_BYTES)})"
    )
    readers = _readers(catalog, heavy.table)
    if readers:
        one, node = readers[0]
        others = f" and {len(readers) - 1} more" if len(readers) > 1 else ""
        detail += (
            f"; {one.statement.name}{others} reads it so, {counted(node.rows, 'row')} at a time:"
            f" {clipped(one.statement.text)}"
        )
    return Draft(
        object=name,
        detail=detail,
        severity=Severity.WARNING if readers else None,
        verify=statement("scans_of_table", name),
        fix=_fix(catalog, readers),
    )


def _readers(catalog: Catalog, table: Relation) -> list[tuple[Observed, PlanNode]]:
    """Return the statements whose plan reads a table from start to end for few of its rows, the heaviest first."""
    nodes: dict[str, PlanNode] = {}
    for node in catalog.rows_if_readable(PlanNode):
        if scanned_table(catalog, node) == table and is_selective(catalog, node):
            nodes.setdefault(node.statement, node)
    return [(one, nodes[one.statement.fingerprint]) for one in observed(catalog) if one.statement.fingerprint in nodes]


def _fix(catalog: Catalog, readers: list[tuple[Observed, PlanNode]]) -> Fix | None:
    """Return what makes the index that the heaviest statement wants."""
    wanted = candidates(catalog)
    return next((wanted[node].fix(catalog) for _, node in readers if node in wanted), None)
