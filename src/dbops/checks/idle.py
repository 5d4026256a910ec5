"""Which indexes nothing uses and nothing needs, so that they could be dropped without anybody noticing.

The rules, in order: `possible` are those that may go as far as structure tells; for anything to be said the counters
must cover a week; an index is idle if it was not scanned in that time, or not for half a year and hardly then; of idle
indexes that cover the same foreign key one stays, the best. What this module does not do: look at other servers, whose
counters are their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Index,
    IndexActivity,
    IndexLastScan,
    RecentIndex,
    StatisticsWindow,
    TableActivity,
    TableScans,
)
from dbops.checks.cover import covers
from dbops.checks.quantities import DAY_SECONDS, PAGE_BYTES, days
from dbops.checks.rule import RuleSkippedError
from dbops.checks.structure import keep_order, needed_for_itself
from dbops.checks.surplus import expected_to_stay, going_decoys, relied_on, scans_of, superfluous, with_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

# A weekly job is the longest rhythm that a first look should not miss.
WINDOW_SECONDS = 7 * DAY_SECONDS
# Two quarters: what closes the books every three months has been there twice.
LONG_UNUSED_SECONDS = 180 * DAY_SECONDS
# Below this an index costs next to nothing, and small tables are read without their indexes.
LEAST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Idle:
    """An index that nothing uses; `seconds_ago` since its last scan, None if it had none while counted."""

    index: Index
    seconds_ago: int | None


def possible(catalog: Catalog, policy: Policy) -> tuple[Index, ...]:
    """Return the indexes that could go if nothing used them: large, usable, and without another duty."""
    return catalog.once(
        ("may be idle", policy.expected_indexes, policy.expected_queries), lambda: tuple(_possible(catalog, policy))
    )


def _possible(catalog: Catalog, policy: Policy) -> Iterator[Index]:
    spoken_for = superfluous(catalog, policy) | going_decoys(catalog, policy)
    for index in catalog.rows(Index):
        if not index.usable or index.is_unique or index.oid in spoken_for or needed_for_itself(catalog, index):
            continue
        if PAGE_BYTES * sum(part.pages for part in with_parts(catalog, index)) < LEAST_BYTES:
            continue
        if not expected_to_stay(catalog, policy, index) and not _only_cover(catalog, index, spoken_for):
            yield index


def old_enough(catalog: Catalog) -> int:
    """Return how many seconds the counters cover; RuleSkippedError if that is less than a week."""
    seconds = max((window.seconds or 0 for window in catalog.rows(StatisticsWindow)), default=0)
    if seconds < WINDOW_SECONDS:
        raise RuleSkippedError(
            f"the statistics cover {days(seconds)}; what is unused shows after {days(WINDOW_SECONDS)}",
            hint="run the audit again then; a restart keeps the statistics, a crash and pg_stat_reset() do not",
        )
    return seconds


def idle(catalog: Catalog, policy: Policy) -> tuple[Idle, ...]:
    """Return the indexes that nothing uses and nothing needs, in the order of the catalog."""
    found = {idle.index.oid: idle for index in possible(catalog, policy) if (idle := _idle(catalog, index))}
    for oid, going in relied_on(catalog, policy).items():
        # What is to do the work of an index that is in use will be in use.
        if oid in found and any(_idle(catalog, index) is None for index in going):
            del found[oid]
    scans = scans_of(catalog)
    gone = set(superfluous(catalog, policy) | going_decoys(catalog, policy))
    # The worst goes first, so that of several that cover one foreign key, or meet one expectation, the best is left.
    for one in sorted(found.values(), key=lambda one: keep_order(catalog, one.index, scans), reverse=True):
        if _only_cover(catalog, one.index, gone) or expected_to_stay(catalog, policy, one.index, gone):
            del found[one.index.oid]
        else:
            gone.add(one.index.oid)
    return tuple(found.values())


def _idle(catalog: Catalog, index: Index) -> Idle | None:
    """Return an index as idle if it is, None if it is used, too young, or of a table where nothing happens."""
    parts = [part for part in with_parts(catalog, index) if part.kind == "i"]
    young = catalog.once("recent", lambda: {row.index_oid for row in catalog.rows_if_readable(RecentIndex)})
    if index.oid in young or not any(part.table in _busy_tables(catalog) for part in parts):
        return None
    counts = catalog.once("activity", lambda: {row.index_oid: row for row in catalog.rows(IndexActivity)})
    scanned = [counts[part.oid] for part in parts if part.oid in counts]
    if not scanned:
        return Idle(index, None)
    last = catalog.once("last", lambda: {r.index_oid: r.seconds_ago for r in catalog.rows_if_readable(IndexLastScan)})
    seconds_ago = min(last.get(row.index_oid, 0) for row in scanned)
    # Few scans that read much are a yearly report: such an index is used.
    read = sum(row.tuples_read for row in scanned)
    if seconds_ago < LONG_UNUSED_SECONDS or read >= sum(max(part.rows, 0) for part in parts):
        return None
    return Idle(index, seconds_ago)


def _busy_tables(catalog: Catalog) -> frozenset[int]:
    """Return the tables where something was counted; of the others no index was used, which says nothing."""

    def collect() -> frozenset[int]:
        written = {row.table for row in catalog.rows(TableActivity)}
        scanned = {catalog.indexes[row.index_oid].table for row in catalog.rows(IndexActivity)}
        return frozenset(written | scanned | {row.table for row in catalog.rows_if_readable(TableScans)})

    return catalog.once("busy tables", collect)


def _only_cover(catalog: Catalog, index: Index, gone: frozenset[int] | set[int]) -> bool:
    """Return whether a foreign key would be without cover, were the index to go with those already `gone`."""
    others = [o for o in catalog.indexes_of(index.table) if o.oid != index.oid and o.oid not in gone]
    return any(
        covers(catalog, index, key) and not any(covers(catalog, other, key) for other in others)
        for key in catalog.constraints_of(index.table)
        if key.type == "f" and key.enforced
    )
