"""SQL that mends a finding and runs as printed: quoted, without blocking where PostgreSQL can, partition by partition.

Each function returns a `Fix`: the statements, what undoes them, and the locks they take. Names of new indexes are
derived from their structure, so that two rules that want the same index print the same statement. What this module does
not do: decide whether to mend, or run anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.checks.names import fresh_name, literal, qualified, quote
from dbops.checks.structure import Shape, shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Index, Relation

BUILD_LOCKS = (
    "SHARE UPDATE EXCLUSIVE while the index is built: reads and writes go on, other DDL and VACUUM of the table wait."
    " Outside a transaction; if it fails it leaves an invalid index to be dropped."
)
BUILD_PARTITIONED_LOCKS = (
    "SHARE on the partitioned table for an instant (it has no rows), then SHARE UPDATE EXCLUSIVE on one partition"
    " after the other: reads and writes go on. Outside a transaction; the parent becomes valid with the last ATTACH."
)
BUILD_FOREIGN_LOCKS = "SHARE on the table and its partitions while the indexes are built: writes wait."
DROP_LOCKS = "SHARE UPDATE EXCLUSIVE; waits for the transactions that use the index. Outside a transaction."
DROP_PARTITIONED_LOCKS = (
    "ACCESS EXCLUSIVE on the table and its partitions for an instant, once it gets there: PostgreSQL drops no"
    " partitioned index concurrently. Set lock_timeout first."
)
REBUILD_LOCKS = "SHARE UPDATE EXCLUSIVE while the index is built anew beside the old one. Outside a transaction."
REBUILD_BLOCKING_LOCKS = (
    "SHARE on the table, ACCESS EXCLUSIVE on the index meanwhile: writes wait, and reads that would use it."
    " PostgreSQL cannot rebuild the index of an exclusion constraint concurrently."
)


@dataclass(frozen=True, slots=True)
class Fix:
    """Statements that mend something, those that undo them, and the locks they take; `sql` may be several lines."""

    sql: str
    undo: str | None = None
    locks: str | None = None


def create_index(catalog: Catalog, wanted: Shape, name: str | None = None) -> Fix:
    """Return what creates an index without blocking writers, called `name` if that is free."""
    table = catalog.relations[wanted.table]
    if name is None or name in catalog.taken_names(table.schema):
        name = new_name(catalog, table, wanted)
    undo = f"{_drop_word(table)} {qualified(table.schema, name)};"
    if not table.is_partitioned:
        return Fix(_create("concurrently ", name, table, wanted), undo, BUILD_LOCKS)
    if _has_foreign_partition(catalog, table):
        # A foreign table can have no index, and only CREATE INDEX on the parent as a whole passes over it.
        return Fix(_create("", name, table, wanted), undo, BUILD_FOREIGN_LOCKS)
    return Fix("\n".join(_create_partitioned(catalog, table, name, wanted)), undo, BUILD_PARTITIONED_LOCKS)


def new_name(catalog: Catalog, table: Relation, wanted: Shape) -> str:
    """Return a free name that says what the index is for, the same for the same structure."""
    return fresh_name(
        "ux" if wanted.unique else "ix",
        (table.name, *wanted.columns),
        catalog.taken_names(table.schema),
        plain=wanted
        == Shape(wanted.table, tuple(map(quote, wanted.columns)), columns=wanted.columns, unique=wanted.unique),
        shape=f"{table.schema}.{table.name} {wanted.spelled()}",
    )


def _create(how: str, name: str, table: Relation, wanted: Shape, *, only: bool = False) -> str:
    """Return one CREATE INDEX statement."""
    text = f"create {'unique ' if wanted.unique else ''}index {how}{quote(name)} on {'only ' if only else ''}"
    text += qualified(table.schema, table.name)
    text += f"{'' if wanted.method == 'btree' else f' using {quote(wanted.method)}'} ({', '.join(wanted.keys)})"
    if wanted.include:
        text += f" include ({', '.join(wanted.include)})"
    if wanted.nulls_not_distinct:
        text += " nulls not distinct"
    if wanted.settings:
        text += f" with ({', '.join(_setting(entry) for entry in wanted.settings)})"
    if wanted.tablespace:
        text += f" tablespace {quote(wanted.tablespace)}"
    return text + (f" where {wanted.where};" if wanted.where else ";")


def _setting(entry: str) -> str:
    name, _, value = entry.partition("=")
    return f"{quote(name)} = {literal(value)}"


def _create_partitioned(catalog: Catalog, table: Relation, name: str, wanted: Shape) -> Iterator[str]:
    """Yield the statements for a partitioned table: the parent alone, then each partition, attached when it is done.

    A partition that has such an index already keeps it.
    """
    yield _create("", name, table, wanted, only=True)
    for partition in catalog.partitions.get(table.oid, ()):
        there = _unattached_twin(catalog, partition, wanted)
        child = there.name if there else new_name(catalog, partition, wanted)
        if partition.is_partitioned and not there:
            yield from _create_partitioned(catalog, partition, child, wanted)
        elif not there:
            yield _create("concurrently ", child, partition, wanted)
        yield _attach(table, name, partition, child)


def _attach(table: Relation, name: str, partition: Relation, child: str) -> str:
    return f"alter index {qualified(table.schema, name)} attach partition {qualified(partition.schema, child)};"


def _unattached_twin(catalog: Catalog, partition: Relation, wanted: Shape) -> Index | None:
    """Return an index of a partition that would do as its part of a partitioned one."""
    spelled = wanted._replace(settings=(), tablespace=None).spelled()
    for index in catalog.indexes_of(partition.oid):
        there = shape(catalog, index)._replace(settings=(), tablespace=None)
        if index.usable and index.parent is None and there.spelled() == spelled:
            return index
    return None


def _has_foreign_partition(catalog: Catalog, table: Relation) -> bool:
    return any(leaf.kind == "f" for leaf in catalog.leaves(table.oid))


def drop_index(catalog: Catalog, index: Index) -> Fix:
    """Return what drops an index without blocking, and what makes it again."""
    table = catalog.relations[index.table]
    again = create_index_again(catalog, index)
    locks = DROP_PARTITIONED_LOCKS if table.is_partitioned else DROP_LOCKS
    return Fix(f"{_drop_word(table)} {catalog.index_name(index)};", again, locks)


def create_index_again(catalog: Catalog, index: Index) -> str:
    """Return the statements that make an existing index once more, under its own name, after it has been dropped."""
    table = catalog.relations[index.table]
    was = shape(catalog, index)
    if not table.is_partitioned:
        return _create("concurrently ", index.name, table, was)
    if _has_foreign_partition(catalog, table):
        return _create("", index.name, table, was)
    return "\n".join(_create_partitioned(catalog, table, index.name, was))


def _drop_word(table: Relation) -> str:
    return "drop index" if table.is_partitioned else "drop index concurrently"


def rebuild_index(catalog: Catalog, index: Index) -> Fix:
    """Return what builds an index anew; where it is the parent of others, what makes it whole."""
    name = catalog.index_name(index)
    if index.kind == "I":
        return complete_partitioned_index(catalog, index)
    if index.is_exclusion:
        return Fix(f"reindex index {name};", None, REBUILD_BLOCKING_LOCKS)
    return Fix(f"reindex index concurrently {name};", None, REBUILD_LOCKS)


def complete_partitioned_index(catalog: Catalog, index: Index) -> Fix:
    """Return what gives every partition its part of a partitioned index; the last ATTACH makes the index valid."""
    return Fix("\n".join(_missing_parts(catalog, index)), None, BUILD_PARTITIONED_LOCKS)


def _missing_parts(catalog: Catalog, index: Index) -> Iterator[str]:
    table = catalog.relations[index.table]
    wanted = shape(catalog, index)
    attached = {part.table: part for part in catalog.index_parts.get(index.oid, ())}
    for partition in catalog.partitions.get(table.oid, ()):
        part = attached.get(partition.oid)
        if part is not None:
            if not part.valid:
                yield rebuild_index(catalog, part).sql
                # Attaching it once more makes PostgreSQL look again whether the parent is whole.
                yield _attach(table, index.name, partition, part.name)
            continue
        there = _unattached_twin(catalog, partition, wanted)
        child = there.name if there else new_name(catalog, partition, wanted)
        if partition.is_partitioned and not there:
            yield from _create_partitioned(catalog, partition, child, wanted)
        elif not there:
            yield _create("concurrently ", child, partition, wanted)
        yield _attach(table, index.name, partition, child)
