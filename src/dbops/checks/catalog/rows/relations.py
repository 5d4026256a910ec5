"""Relations, their columns and the types of those."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("relations")
class Relation(NamedTuple):
    """A table (`kind` r), partitioned table (p), view (v), materialised view (m) or foreign table (f).

    `parent` is the table it is a partition of; `inherits` and `has_children` are about inheritance of the plain kind.
    `rows` and `pages` are the planner's estimates; `rows` is -1 where nothing has counted yet (0 before 14).
    `partition_columns` has 0 for an expression, and is empty but for p. `replica_identity`: d default, i index, f full,
    n nothing. `grants` is what has been granted on all of it, as PostgreSQL writes it, `grantee=letters/grantor`; where
    nothing has, the owner has every right, and nobody else has any.
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
    inherits: bool
    has_children: bool
    grants: tuple[str, ...]

    @property
    def is_table(self) -> bool:
        """Whether it is a table, partitioned or not, that this server stores."""
        return self.kind in {"r", "p"}

    @property
    def is_partitioned(self) -> bool:
        """Whether its rows are in partitions."""
        return self.kind == "p"


@read("busy_relations")
class BusyRelation(NamedTuple):
    """A relation that the snapshot leaves out, because another session has locked it against readers, or waits to."""

    oid: int
    schema: str
    name: str


@read("columns")
class TableColumns(NamedTuple):
    """The columns of one relation as parallel arrays; `Catalog.columns` hands them out as `Column`s.

    `grants` is what has been granted on any of them.
    """

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
    grants: tuple[str, ...]


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
    """A data type that columns can have: its SQL name, and for a domain (`kind` d) the type beneath (`base`)."""

    oid: int
    name: str
    kind: str
    base: int
    length: int
