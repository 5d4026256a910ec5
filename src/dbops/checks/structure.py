"""The structure of indexes: what one is made of, when two are alike, when one makes another unnecessary.

Compared are numbers and OIDs, and text that the server deparsed under one search_path; never names, never node trees.
A key is a column or an expression with the operator family that orders it, its collation and its direction: two
operator classes of one family and input type (text_ops, varchar_ops) behave alike, so the family speaks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.names import qualified, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbops.checks.catalog import Catalog, Index

_DESCENDING = 1
_NULLS_FIRST = 2


class Key(NamedTuple):
    """One key of an index; `column` is 0 for an `expression`, `family` with `input_type` the way it is compared."""

    column: int
    expression: str | None
    family: int
    input_type: int
    collation: int
    options: int

    @property
    def descending(self) -> bool:
        """Whether the index runs from high to low in this key."""
        return bool(self.options & _DESCENDING)

    @property
    def nulls_first(self) -> bool:
        """Whether nulls come before everything else."""
        return bool(self.options & _NULLS_FIRST)

    def mirrored(self) -> Key:
        """Return the key as a scan from the other end meets it."""
        return self._replace(options=self.options ^ (_DESCENDING | _NULLS_FIRST))


def keys(catalog: Catalog, index: Index) -> tuple[Key, ...]:
    """Return the keys of an index, in order, without what it merely includes."""
    expressions = iter(index.expressions)
    found: list[Key] = []
    for i, column in enumerate(index.columns[: index.key_count]):
        opclass = catalog.operator_classes[index.opclasses[i]]
        expression = None if column else next(expressions)
        found.append(Key(column, expression, opclass.family, opclass.input_type, index.collations[i], index.options[i]))
    return tuple(found)


def spelled_keys(catalog: Catalog, index: Index) -> tuple[str, ...]:
    """Return the keys as CREATE INDEX takes them, with everything that is not the default."""
    spelled: list[str] = []
    columns = catalog.columns(index.table)
    parameters = _parameters(index)
    for i, key in enumerate(keys(catalog, index)):
        own_collation = columns[key.column].collation if key.column else 0
        text = quote(columns[key.column].name) if key.column else f"({key.expression})"
        if key.collation and key.collation != own_collation and not _is_database_default(catalog, key):
            collation = catalog.collations[key.collation]
            text += f" collate {qualified(collation.schema, collation.name)}"
        opclass = catalog.operator_classes[index.opclasses[i]]
        if not opclass.is_default or i + 1 in parameters:
            name = quote(opclass.name) if opclass.schema == "pg_catalog" else qualified(opclass.schema, opclass.name)
            text += f" {name}{parameters.get(i + 1, '')}"
        spelled.append(text + (spelled_order(key) if index.method == "btree" else ""))
    return tuple(spelled)


def spelled_order(key: Key) -> str:
    """Return ` desc`, ` nulls first` and the like, nothing for the default."""
    text = " desc" if key.descending else ""
    if key.nulls_first != key.descending:
        text += " nulls first" if key.nulls_first else " nulls last"
    return text


def _is_database_default(catalog: Catalog, key: Key) -> bool:
    """Return whether an expression's collation is the database's own, which needs no word."""
    return not key.column and catalog.collations[key.collation].provider == "d"


def _parameters(index: Index) -> dict[int, str]:
    """Return the operator class parameters by position of the key, as `(siglen='32')`."""
    found: dict[int, str] = {}
    for entry in index.opclass_settings:
        position, _, options = entry.partition(" ")
        found[int(position)] = f" ({options})"
    return found


class Shape(NamedTuple):
    """All that CREATE INDEX says beyond the name: enough to make the index again, on the table or a partition of it."""

    table: int
    keys: tuple[str, ...]
    columns: tuple[str, ...] = ()  # names of the plain columns among the keys, for a name of the index
    method: str = "btree"
    unique: bool = False
    include: tuple[str, ...] = ()
    where: str | None = None
    nulls_not_distinct: bool = False
    settings: tuple[str, ...] = ()
    tablespace: str | None = None

    def spelled(self) -> str:
        """Return the shape as a person reads it: `unique btree (org_id, number) where …`."""
        text = f"{'unique ' if self.unique else ''}{self.method} ({', '.join(self.keys)})"
        if self.include:
            text += f" include ({', '.join(self.include)})"
        if self.nulls_not_distinct:
            text += " nulls not distinct"
        return text + (f" where {self.where}" if self.where else "")


def shape(catalog: Catalog, index: Index) -> Shape:
    """Return what an index is made of, names of columns written out."""
    return Shape(
        table=index.table,
        keys=spelled_keys(catalog, index),
        columns=catalog.column_names(index.table, (c for c in index.columns[: index.key_count] if c)),
        method=index.method,
        unique=index.is_unique,
        include=tuple(quote(name) for name in catalog.column_names(index.table, index.included)),
        where=index.predicate,
        nulls_not_distinct=index.nulls_not_distinct,
        settings=index.settings,
        tablespace=index.tablespace,
    )


def signature(catalog: Catalog, index: Index) -> str:
    """Return what tells an index from every other of its table, whatever it is called and wherever it is stored."""
    return shape(catalog, index)._replace(settings=(), tablespace=None).spelled()


# One index and another


def same_content(catalog: Catalog, one: Index, other: Index) -> bool:
    """Return whether two indexes of a table hold the same entries in the same order, and carry the same columns."""
    return (
        _comparable(one, other)
        and keys(catalog, one) == keys(catalog, other)
        and set(one.included) == set(other.included)
    )


def _comparable(one: Index, other: Index) -> bool:
    return (
        one.table == other.table
        and one.method == other.method
        and one.predicate == other.predicate
        and one.opclass_settings == other.opclass_settings
    )


def makes_redundant(catalog: Catalog, kept: Index, dropped: Index) -> bool:
    """Return whether `kept` does everything that `dropped` does, as far as looking things up goes.

    The keys of `dropped` begin those of `kept` (equal them, for methods other than btree), and what it includes is
    somewhere in `kept`. Whether `dropped` has a duty of its own is for `needed_for_itself` and `enforced_by` to say.
    """
    if kept.oid == dropped.oid or not _comparable(kept, dropped):
        return False
    wanted, there = keys(catalog, dropped), keys(catalog, kept)
    if dropped.method != "btree" and len(wanted) != len(there):
        return False
    return there[: len(wanted)] == wanted and set(dropped.included) <= set(kept.columns)


def needed_for_itself(catalog: Catalog, index: Index) -> bool:
    """Return whether something other than a query stands on this very index."""
    return (
        index.is_primary
        or index.is_exclusion
        or index.oid in catalog.backed_constraints
        or index.oid in catalog.referenced_indexes
        or index.replica_identity
        or index.clustered
        or index.parent is not None
    )


def enforced_by(catalog: Catalog, kept: Index, dropped: Index) -> bool:
    """Return whether `kept` refuses every row that `dropped` would refuse, at the same moment."""
    if not dropped.is_unique:
        return True
    return (
        kept.is_unique
        and keys(catalog, kept) == keys(catalog, dropped)
        and kept.nulls_not_distinct == dropped.nulls_not_distinct
        and (kept.immediate or not dropped.immediate)
    )


def keep_order(catalog: Catalog, index: Index, scans: dict[int, int]) -> tuple[object, ...]:
    """Return a sort key: of several alike, the one to keep comes first."""
    return (
        index.oid not in catalog.backed_constraints,
        index.parent is None,
        index.oid not in catalog.referenced_indexes,
        not index.is_unique,
        not index.replica_identity,
        not index.clustered,
        -scans.get(index.oid, 0),
        index.pages,
        index.name,
    )


def spelled_columns(columns: Sequence[str]) -> str:
    """Return column names as a list in parentheses."""
    return f"({', '.join(quote(column) for column in columns)})"
