"""What vacuum and analyze left undone, and how much room rows should take."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("table_upkeep")
class TableUpkeep(NamedTuple):
    """A table that vacuum or analyze should have come to, or (`autovacuum` false) never will by itself.

    `dead`, `live` and `modified` are counted rows, the last since the last analyze; the thresholds are those above
    which autovacuum starts. `statistics` is there, missing, or unknown where the role may not see; of a partitioned
    table, as a whole.
    """

    table: int
    dead: int
    live: int
    modified: int
    vacuumed_seconds: int | None
    analyzed_seconds: int | None
    vacuum_threshold: int
    analyze_threshold: int
    autovacuum: bool
    statistics: str


@read("table_widths")
class TableWidths(NamedTuple):
    """How wide the columns of a large table are by the planner's samples, as parallel arrays in order of number.

    `lengths` are the types' (negative where they vary), `alignments` in bytes, `widths` average bytes where not null,
    -1 where unknown. `state` is visible, or what keeps this role from the samples: "row security" or "no privilege".
    `dropped` columns still cost a bit.
    """

    table: int
    fillfactor: int
    state: str
    dropped: int
    numbers: tuple[int, ...]
    lengths: tuple[int, ...]
    alignments: tuple[int, ...]
    widths: tuple[int, ...]
    null_millionths: tuple[int, ...]
