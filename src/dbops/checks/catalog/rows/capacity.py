"""What is used up: the values of sequences."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("sequences")
class Sequence(NamedTuple):
    """A sequence that can run out, and the columns that hold its values, as parallel arrays.

    Of those, the ones where `fed` is 1 take their values from it, the others refer to them by foreign keys; `limits` is
    how far the type of each counts, 0 where that is no integer. `last_value` is None where nothing was taken yet, and
    unless `state` is "read": "no privilege", "locked" by another session, "unlogged" (on a standby), or "too many".
    """

    schema: str
    name: str
    type: int
    increment: int
    minimum: int
    maximum: int
    cycles: bool
    is_identity: bool
    tables: tuple[int, ...]
    columns: tuple[int, ...]
    limits: tuple[int, ...]
    fed: tuple[int, ...]
    state: str
    last_value: int | None
