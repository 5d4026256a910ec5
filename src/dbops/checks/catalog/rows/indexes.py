"""Indexes and constraints, and what they are compared by."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("indexes")
class Index(NamedTuple):
    """An index; of a partitioned table (`kind` I) or of a table that stores rows (i).

    `columns` are numbers, 0 for an expression; the first `key_count` are keys, the rest INCLUDE. `opclasses`,
    `collations` and `options` (bit 0 descending, bit 1 nulls first) are for the keys alone. `expressions` are in the
    order of the zeroes. `parent` is the partitioned index it is attached to. `settings` are its storage parameters.
    """

    oid: int
    name: str
    table: int
    kind: str
    parent: int | None
    method: str
    is_unique: bool
    is_primary: bool
    is_exclusion: bool
    immediate: bool
    valid: bool
    ready: bool
    live: bool
    clustered: bool
    replica_identity: bool
    nulls_not_distinct: bool
    key_count: int
    columns: tuple[int, ...]
    opclasses: tuple[int, ...]
    collations: tuple[int, ...]
    options: tuple[int, ...]
    expressions: tuple[str, ...]
    predicate: str | None
    settings: tuple[str, ...]
    opclass_settings: tuple[str, ...]
    tablespace: str | None
    rows: int
    pages: int

    @property
    def usable(self) -> bool:
        """Whether queries may use it: valid, and kept up to date by writers."""
        return self.valid and self.ready and self.live

    @property
    def included(self) -> tuple[int, ...]:
        """The columns that are carried along (INCLUDE)."""
        return self.columns[self.key_count :]


@read("constraints")
class Constraint(NamedTuple):
    """A constraint of a table: primary key (`type` p), unique (u), foreign key (f), check (c), exclusion (x).

    For a foreign key, `index_oid` is the index of the referenced table that it relies on, `operators` are those it
    compares by, and `on_update` and `on_delete` are a (no action), r (restrict), c (cascade), n (set null) or d (set
    default). For the keys, `index_oid` is the index behind them. `parent` is the constraint of the partitioned table
    that this one belongs to.
    """

    oid: int
    table: int
    name: str
    type: str
    columns: tuple[int, ...]
    foreign_table: int | None
    foreign_columns: tuple[int, ...]
    operators: tuple[int, ...]
    index_oid: int | None
    parent: int | None
    deferrable: bool
    deferred: bool
    validated: bool
    enforced: bool
    temporal: bool
    match: str
    on_update: str
    on_delete: str
    definition: str | None


@read("operator_classes")
class OperatorClass(NamedTuple):
    """How a key of an index is compared. `default_alike`: it is the default of its type, or of that one's family."""

    oid: int
    schema: str
    name: str
    method: str
    family: int
    input_type: int
    is_default: bool
    default_alike: bool


@read("collations")
class Collation(NamedTuple):
    """A collation; `provider` is d (the database's), c (libc), i (ICU) or b (builtin)."""

    oid: int
    schema: str
    name: str
    provider: str
    deterministic: bool


@read("equality_families")
class EqualityFamilies(NamedTuple):
    """The operator families whose indexes serve the equality `operator` of a foreign key."""

    operator: int
    families: tuple[int, ...]
