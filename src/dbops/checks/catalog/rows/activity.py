"""What the server counted and is doing: it changes while nobody changes the schema."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("index_builds")
class IndexBuild(NamedTuple):
    """An index build that is running; `index_oid` is None where the role may not see which."""

    pid: int
    index_oid: int | None
    table: int | None
    command: str | None
    phase: str | None
    blocks_done: int | None
    blocks_total: int | None


@read("table_activity")
class TableActivity(NamedTuple):
    """Rows inserted, updated and deleted since the statistics were reset."""

    table: int
    inserted: int
    updated: int
    deleted: int


@read("index_activity")
class IndexActivity(NamedTuple):
    """Scans of an index, and entries read by them, since the statistics were reset."""

    index_oid: int
    scans: int
    tuples_read: int


@read("statistics_window")
class StatisticsWindow(NamedTuple):
    """How many seconds the cumulative statistics cover at least, and whether this server is a standby."""

    seconds: int | None
    on_standby: bool
