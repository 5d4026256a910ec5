"""No query uses an index.

## What it detects

Indexes of 1 MiB and more that were not scanned once in the time the statistics cover, or (from 16 on, where the last
scan is known) not for 180 days, having read less in all that time than one pass over them. The time must be a week at
least, else nothing is said. Left alone are indexes with a duty beside queries: unique ones, those behind a constraint,
referred to by a foreign key or the only cover of one, replica identity, clustered by, declared in an expectation, or
about to do the work of one that is in use and that another rule would drop. So are invalid ones, those of tables where
nothing happened, and those known to be younger than a week. A partitioned index is judged as a whole.

## Why it matters

It is written on every insert and on most updates, keeps updates from being heap-only, is vacuumed, cached, replicated
and backed up, and gives nothing back.

## How to fix

Ask who might need it once a quarter; then drop it with the statement of the finding, and keep the undo. Where standbys
answer queries, look at their counters first: each server counts for itself, so the finding is only an info there.

## What it does not see

Other servers' counters. When an index was made, unless commits are timed (track_commit_timestamp): one made yesterday
looks unused. What a query would do without it. Counters of one table that were reset on their own before 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    Constraint,
    EqualityFamilies,
    Index,
    IndexActivity,
    IndexLastScan,
    OperatorClass,
    RecentIndex,
    Relation,
    Standbys,
    StatisticsWindow,
    TableActivity,
    TableColumns,
    TableScans,
)
from dbops.checks.idle import idle, old_enough, possible
from dbops.checks.names import qualified
from dbops.checks.quantities import PAGE_BYTES, days
from dbops.checks.remediation import drop_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import shape, signature
from dbops.checks.surplus import scans_of, with_parts
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.quantities import counted, size
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.idle import Idle
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[
        Relation,
        TableColumns,
        Index,
        Constraint,
        OperatorClass,
        Collation,
        EqualityFamilies,
        IndexActivity,
        TableActivity,
        StatisticsWindow,
    ],
    refines=[IndexLastScan, RecentIndex, Standbys, TableScans],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each index that nothing uses and nothing needs."""
    if possible(catalog, policy):
        seconds = old_enough(catalog)
        for found in idle(catalog, policy):
            yield _draft(catalog, found, seconds)


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Every index that could go if it were unused, of all."""
    return Scope(checked=len(possible(catalog, policy)), total=len(catalog.rows(Index)))


def _draft(catalog: Catalog, found: Idle, seconds: int) -> Draft:
    index = found.index
    table = catalog.relations[index.table]
    bytes_ = PAGE_BYTES * sum(part.pages for part in with_parts(catalog, index))
    elsewhere = _elsewhere(catalog)
    return Draft(
        object=catalog.index_name(index),
        subject=qualified(table.schema, table.name),
        detail=f"{shape(catalog, index).spelled()}, {size(bytes_)}: {_used(catalog, found, seconds)}{elsewhere}",
        signature=(signature(catalog, index),),
        severity=Severity.INFO if elsewhere else None,
        verify=statement("scans_of_index", catalog.index_name(index)),
        fix=drop_index(catalog, index),
    )


def _used(catalog: Catalog, found: Idle, seconds: int) -> str:
    window = f"in the {days(seconds)} that the statistics cover"
    if found.seconds_ago is None:
        return f"not scanned {window}"
    return (
        f"{counted(scans_of(catalog).get(found.index.oid, 0), 'scan')} {window}, the last one"
        f" {days(found.seconds_ago)} ago"
    )


def _elsewhere(catalog: Catalog) -> str:
    """Say that other servers may use it, nothing where this is the only one."""
    if any(window.on_standby for window in catalog.rows(StatisticsWindow)):
        return "; this is a standby: look at the counters of the primary and of the other standbys too"
    if any(row.there for row in catalog.rows_if_readable(Standbys)):
        return "; there are standbys, and each counts for itself: look at theirs too"
    return ""
