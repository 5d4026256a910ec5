"""What is used up: the values of sequences, the numbers of transactions; and what vacuum has to do with it."""

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


@read("database_ages")
class DatabaseAge(NamedTuple):
    """How many transactions and multixacts of 2^31 a database has behind it since its oldest unfrozen row."""

    name: str
    is_current: bool
    transactions: int
    multixacts: int


@read("aged_relations")
class AgedRelation(NamedTuple):
    """A table of this database that is older than autovacuum should let it become; at most 100, the oldest first."""

    schema: str
    name: str
    is_temporary: bool
    is_toast: bool
    transactions: int
    multixacts: int
    pages: int


@read("horizons")
class Horizon(NamedTuple):
    """Who holds back vacuum: a session, a prepared transaction or a replication slot (`kind`), since how long.

    `seconds` is None for a slot, and where the role may not know.
    """

    kind: str
    name: str
    transactions: int | None
    seconds: int | None


@read("vacuum_settings")
class VacuumSettings(NamedTuple):
    """Whether autovacuum runs, whether the counters it goes by are kept, and when it freezes whatever else."""

    autovacuum: bool
    counts: bool
    freeze_max_age: int
    multixact_freeze_max_age: int
