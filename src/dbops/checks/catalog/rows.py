"""What the snapshot is made of: one class for each read, one field for each column of its statement, in that order.

To add a read, write `sql/<name>.sql` and a class here with `@read("<name>")`; nothing else needs to know. A statement
that differs on older servers has variants, `sql/<name>.before_15.sql` for servers below 15. Rows are named tuples: as
plain as a row, slotted, immutable, and cheap enough for a few hundred thousand of them. OIDs join rows and go no
further: nothing that is printed or fingerprinted holds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Row = TypeVar("Row", bound=tuple[object, ...])

# Which class holds the rows of which read; filled by `read` below, read by `reads.py`.
ROW_CLASSES: dict[str, type[tuple[object, ...]]] = {}


def read(name: str) -> Callable[[type[Row]], type[Row]]:
    """Register a class as what `sql/<name>.sql` returns."""

    def register(row: type[Row]) -> type[Row]:
        ROW_CLASSES[name] = row
        return row

    return register


@read("relations")
class Relation(NamedTuple):
    """A table (`kind` r), partitioned table (p), view (v), materialised view (m) or foreign table (f).

    `parent` is the table it is a partition of. `rows` and `pages` are the planner's estimates; `rows` is -1 where
    nothing has counted yet (0 before 14). `partition_columns` has 0 for an expression, and is empty but for p.
    `replica_identity`: d default, i index, f full, n nothing.
    """

    oid: int
    schema: str
    name: str
    kind: str
    persistence: str
    parent: int | None
    partition_columns: tuple[int, ...]
    owner: str
    rows: int
    pages: int
    rls_enabled: bool
    rls_forced: bool
    replica_identity: str

    @property
    def is_table(self) -> bool:
        """Whether it is a table, partitioned or not, that this server stores."""
        return self.kind in {"r", "p"}

    @property
    def is_partitioned(self) -> bool:
        """Whether its rows are in partitions."""
        return self.kind == "p"


@read("columns")
class TableColumns(NamedTuple):
    """The columns of one relation as parallel arrays; `Catalog.columns` hands them out as `Column`s."""

    table: int
    numbers: tuple[int, ...]
    names: tuple[str, ...]
    types: tuple[int, ...]
    modifiers: tuple[int, ...]
    collations: tuple[int, ...]
    not_null: tuple[int, ...]
    has_default: tuple[int, ...]
    identity: str
    generated: str


class Column(NamedTuple):
    """A column. `collation` is 0 where the type has none; `identity` and `generated` are "-" where it is neither."""

    number: int
    name: str
    type: int
    modifier: int
    collation: int
    not_null: bool
    has_default: bool
    identity: str
    generated: str


@read("types")
class DataType(NamedTuple):
    """A data type that some column has: its SQL name, and for a domain (`kind` d) the type beneath (`base`)."""

    oid: int
    name: str
    kind: str
    base: int
    length: int


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


@read("row_policies")
class RowPolicy(NamedTuple):
    """A row-level security policy; `command` is * (all), r (select), a (insert), w (update) or d (delete)."""

    table: int
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using_expression: str | None
    check_expression: str | None


@read("publications")
class Publication(NamedTuple):
    """What logical replication publishes: `all_tables`, or `tables`, or whole `schemas`."""

    name: str
    all_tables: bool
    updates: bool
    deletes: bool
    tables: tuple[int, ...]
    schemas: tuple[str, ...]


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
