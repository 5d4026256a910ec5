"""Whether an index covers the columns of a foreign key, and if none does, what comes nearest.

An index covers if queries may use it, its first keys are the foreign key's columns as a set (in any order), each
compared by an operator family that has the key's own equality under the column's collation, and it holds every row
whose columns are not null: a partial index on `deleted_at is null` does not. A partitioned table is covered by a valid
partitioned index, or partition by partition. What it does not do: weigh whether cover is worth having.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import EqualityFamilies
from dbops.checks.expressions import holds_where_not_null
from dbops.checks.names import quote
from dbops.checks.structure import Key, keys
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbops.checks.catalog import Catalog, Constraint, Index, Relation

# Methods that find a row by equality. GIN would by btree_gin, but no plan for a foreign key's check was seen to use it.
_BY_EQUALITY = frozenset({"btree", "hash", "gist", "spgist"})


class Reason(enum.IntEnum):
    """Why an index does not cover, the nearest to cover first."""

    INVALID = 1
    PARTIAL = 2
    UNSUITABLE = 3
    PREFIX = 4
    INCLUDED = 5
    NONE = 6


class Gap(NamedTuple):
    """What is missing to cover: the `reason`, the index that comes nearest, and a sentence."""

    reason: Reason
    detail: str
    nearest: Index | None = None
    keys: int = 0  # how many of the columns lead the index

    @property
    def order(self) -> tuple[int, int, str]:
        """Sort key: the nearest to cover first."""
        return (self.reason, -self.keys, self.nearest.name if self.nearest else "")


class Need(NamedTuple):
    """What must lead an index: columns by number, each with the operator families that compare it."""

    columns: tuple[int, ...]
    families: Mapping[int, tuple[int, ...]]
    temporal: bool


def gap(catalog: Catalog, foreign_key: Constraint) -> Gap | None:
    """Return what is missing to cover a foreign key, None if it is covered."""
    return _table_gap(catalog, catalog.relations[foreign_key.table], foreign_key)


def covers(catalog: Catalog, index: Index, foreign_key: Constraint) -> bool:
    """Return whether one index covers a foreign key of its own table."""
    return index.table == foreign_key.table and _judge(index, catalog, _need(catalog, index.table, foreign_key)) is None


def would_cover(catalog: Catalog, index: Index, foreign_key: Constraint) -> bool:
    """Return whether an index of a foreign key's own table would cover it, were it built anew."""
    if index.usable or index.table != foreign_key.table:
        return False
    missing = _judge(index, catalog, _need(catalog, index.table, foreign_key))
    return missing is not None and missing.reason is Reason.INVALID


def _table_gap(catalog: Catalog, table: Relation, foreign_key: Constraint) -> Gap | None:
    need = _need(catalog, table.oid, foreign_key)
    indexes = catalog.indexes_of(table.oid)
    if any(_leading(index, need) == len(need.columns) and _judge(index, catalog, need) is None for index in indexes):
        return None  # before anything is worded: most foreign keys are covered
    gaps = [_judge(index, catalog, need) for index in indexes]
    own = min((g for g in gaps if g), key=lambda g: g.order, default=Gap(Reason.NONE, "no index begins with them"))
    if not table.is_partitioned:
        return own
    parts = [part for part in catalog.partitions.get(table.oid, ()) if part.kind != "f"]
    uncovered = [part for part in parts if _table_gap(catalog, part, foreign_key)]
    if parts and not uncovered:
        return None
    if 0 < len(uncovered) < len(parts):
        no_cover = counted(len(parts), "partition has no cover of its own", "partitions have no cover of their own")
        return own._replace(detail=f"{own.detail}; {len(uncovered)} of {no_cover}")
    return own


def _need(catalog: Catalog, table: int, foreign_key: Constraint) -> Need:
    """Return what a foreign key needs on a table that is its own or a partition of it: columns go by name there."""
    columns = foreign_key.columns
    if table != foreign_key.table:
        by_name = {column.name: column.number for column in catalog.columns(table).values()}
        columns = tuple(by_name[name] for name in catalog.column_names(foreign_key.table, columns))
    served = catalog.once(
        "equality families", lambda: {row.operator: row.families for row in catalog.rows(EqualityFamilies)}
    )
    families = {
        column: served.get(operator, ()) for column, operator in zip(columns, foreign_key.operators, strict=True)
    }
    return Need(columns, families, foreign_key.temporal)


def _judge(index: Index, catalog: Catalog, need: Need) -> Gap | None:
    """Return why an index does not cover, None if it does."""
    lead = _leading(index, need)
    if lead < len(need.columns):
        return _too_short(index, need, lead)
    if not _finds_equals(index, catalog, need):
        said = f"{quote(index.name)} begins with them, but {_unsuitable(index)}"
        return Gap(Reason.UNSUITABLE, said, index, lead)
    if index.predicate and not holds_where_not_null(index.predicate, catalog.column_names(index.table, need.columns)):
        said = f"{quote(index.name)} begins with them, but holds only rows where {index.predicate}"
        return Gap(Reason.PARTIAL, said, index, lead)
    if not index.usable:
        return Gap(Reason.INVALID, f"{quote(index.name)} would cover them, but is invalid", index, lead)
    return None


def _leading(index: Index, need: Need) -> int:
    """Return how many of the needed columns lead the keys of an index, before any other."""
    lead: set[int] = set()
    for column in index.columns[: index.key_count]:
        if column not in need.columns or column in lead:
            break
        lead.add(column)
    return len(lead)


def _too_short(index: Index, need: Need, lead: int) -> Gap:
    wanted = len(need.columns)
    included = set(need.columns) & set(index.included)
    if lead:
        said = f"{quote(index.name)} begins with {lead} of the {wanted} columns"
        if included:
            said += ", the rest is only in its INCLUDE"
        elif set(need.columns) <= set(index.columns[: index.key_count]):
            said += ", the rest comes after a gap"
        return Gap(Reason.PREFIX, said, index, lead)
    if included == set(need.columns):
        return Gap(Reason.INCLUDED, f"they are only in the INCLUDE of {quote(index.name)}", index)
    return Gap(Reason.NONE, "no index begins with them")


def _finds_equals(index: Index, catalog: Catalog, need: Need) -> bool:
    if index.method not in _BY_EQUALITY or (index.method == "hash" and len(need.columns) > 1):
        return False
    if need.temporal:  # its period is compared by overlap, which is GiST's business
        return index.method == "gist"
    return all(
        key.family in need.families[key.column] and _under_own_collation(catalog, index, key)
        for key in keys(catalog, index)[: len(need.columns)]
    )


def _under_own_collation(catalog: Catalog, index: Index, key: Key) -> bool:
    """Return whether a key is in the collation of its column; 0 says that its type knows none."""
    return key.collation == 0 or key.collation == catalog.columns(index.table)[key.column].collation


def _unsuitable(index: Index) -> str:
    if index.method in _BY_EQUALITY:
        return "by an operator class or collation that the foreign key does not compare by"
    return f"{index.method} does not find single rows"
