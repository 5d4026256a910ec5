"""What the planner's samples say, judged in the server: no value of a column is ever read."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("sampled_columns")
class SampledColumn(NamedTuple):
    """A text column that holds lists (`state` list, with their `separator`), or whose samples may not be seen.

    Then `state` is "no privilege" or "row security".
    """

    table: int
    number: int
    state: str
    separator: str | None
