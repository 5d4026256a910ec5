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

    from dbops.checks.catalog import Catalog, Constraint, Index, Relation

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
COMPLETE_CONSTRAINT_LOCKS = (
    "SHARE UPDATE EXCLUSIVE on one partition after the other while its index is built, ACCESS EXCLUSIVE for an instant"
    " when that becomes its constraint. Partitions of partitions, and constraints that are no plain key, are built"
    " with writes waiting. Outside a transaction; the parent becomes valid with the last ATTACH."
)
REBUILD_BLOCKING_LOCKS = (
    "SHARE on the table, ACCESS EXCLUSIVE on the index meanwhile: writes wait, and reads that would use it."
    " PostgreSQL cannot rebuild the index of an exclusion constraint concurrently."
)

_LOOKS_AGAIN = 140000


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


def _unattached_twin(
    catalog: Catalog, partition: Relation, wanted: Shape, constraint: Constraint | None = None
) -> Index | None:
    """Return an index of a partition that would do as its part of a partitioned one, or of its `constraint`."""
    spelled = wanted._replace(settings=(), tablespace=None).spelled()
    for index in catalog.indexes_of(partition.oid):
        there = shape(catalog, index)._replace(settings=(), tablespace=None)
        if index.usable and index.parent is None and there.spelled() == spelled:
            own = catalog.backed_constraints.get(index.oid)
            if constraint is None or own is None or own.type == constraint.type:
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


def rebuild_index(catalog: Catalog, index: Index) -> Fix | None:
    """Return what builds an index anew; where it is the parent of others, what makes it whole, None if nothing can."""
    name = catalog.index_name(index)
    if index.kind == "I":
        return complete_partitioned_index(catalog, index)
    if index.is_exclusion:
        return Fix(f"reindex index {name};", None, REBUILD_BLOCKING_LOCKS)
    return Fix(f"reindex index concurrently {name};", None, REBUILD_LOCKS)


def complete_partitioned_index(catalog: Catalog, index: Index) -> Fix | None:
    """Return what gives every partition its part of a partitioned index; the last ATTACH makes the index valid.

    None where PostgreSQL offers no way but to drop the constraint that stands on it.
    """
    constraint = catalog.backed_constraints.get(index.oid)
    if _can_be_completed(catalog, index):
        locks = COMPLETE_CONSTRAINT_LOCKS if constraint else BUILD_PARTITIONED_LOCKS
        return Fix("\n".join(_missing_parts(catalog, index)), None, locks)
    if constraint:
        return None
    return _replace(catalog, index)


def _can_be_completed(catalog: Catalog, index: Index) -> bool:
    """Return whether attaching parts can make a partitioned index valid.

    It cannot where a partition is a foreign table, which has no index and is counted all the same, nor before 14 where
    nothing is left to be attached: only 14 looks again when a part is attached once more.
    """
    if _has_foreign_partition(catalog, catalog.relations[index.table]):
        return False
    partitions = catalog.partitions.get(index.table, ())
    parts = {part.table: part for part in catalog.index_parts.get(index.oid, ())}
    if catalog.server.version >= _LOOKS_AGAIN or any(partition.oid not in parts for partition in partitions):
        return True
    return any(part.kind == "I" and not part.valid and _can_be_completed(catalog, part) for part in parts.values())


def _replace(catalog: Catalog, index: Index) -> Fix:
    """Return what makes a partitioned index once more beside the incomplete one, and gives it the name."""
    table = catalog.relations[index.table]
    wanted = shape(catalog, index)
    built = create_index(catalog, wanted)
    name, provisional = catalog.index_name(index), qualified(table.schema, new_name(catalog, table, wanted))
    take_over = f"alter index {provisional} rename to {quote(index.name)};"
    return Fix(f"{built.sql}\ndrop index {name};\n{take_over}", None, f"{built.locks} {DROP_PARTITIONED_LOCKS}")


def _missing_parts(catalog: Catalog, index: Index) -> Iterator[str]:
    table = catalog.relations[index.table]
    attached = {part.table: part for part in catalog.index_parts.get(index.oid, ())}
    again = ""
    for partition in catalog.partitions.get(table.oid, ()):
        part = attached.get(partition.oid)
        if part is None:
            yield from _missing_part(catalog, index, partition)
            continue
        # Attaching a part once more makes PostgreSQL look again whether the parent is whole.
        again = _attach(table, index.name, partition, part.name)
        if not part.valid:
            rebuilt = rebuild_index(catalog, part)
            yield from (rebuilt.sql,) if rebuilt else ()
    if again:
        yield again


def _missing_part(catalog: Catalog, index: Index, partition: Relation) -> Iterator[str]:
    """Yield what gives a partition without any part of a partitioned index its part, attached."""
    table = catalog.relations[index.table]
    wanted = shape(catalog, index)
    constraint = catalog.backed_constraints.get(index.oid)
    there = _unattached_twin(catalog, partition, wanted, constraint)
    child = there.name if there else new_name(catalog, partition, wanted)
    if constraint:
        yield from _constrain(catalog, constraint, wanted, partition, child)
    elif partition.is_partitioned and not there:
        yield from _create_partitioned(catalog, partition, child, wanted)
    elif not there:
        yield _create("concurrently ", child, partition, wanted)
    yield _attach(table, index.name, partition, child)


def _constrain(
    catalog: Catalog, constraint: Constraint, wanted: Shape, partition: Relation, child: str
) -> Iterator[str]:
    """Yield what gives a partition the constraint `child`, so that its index can be attached to the parent's."""
    there = next((index for index in catalog.indexes_of(partition.oid) if index.name == child), None)
    if there and there.oid in catalog.backed_constraints:
        return
    table = f"alter table {qualified(partition.schema, partition.name)}"
    defined = _constraint_definition(catalog, constraint)
    if constraint.type == "x" or constraint.temporal or partition.is_partitioned:
        yield f"{table} add constraint {quote(child)} {defined};"
        return
    if not there:
        yield _create("concurrently ", child, partition, wanted)
    kind = "primary key" if constraint.type == "p" else "unique"
    yield f"{table} add constraint {quote(child)} {kind} using index {quote(child)}{spelled_deferral(constraint)};"


def _constraint_definition(catalog: Catalog, constraint: Constraint) -> str:
    """Return a primary key, unique or exclusion constraint as ALTER TABLE takes it."""
    if constraint.definition:
        return constraint.definition
    index = catalog.indexes[constraint.index_oid or 0]
    nulls = " nulls not distinct" if index.nulls_not_distinct else ""
    columns = ", ".join(map(quote, catalog.column_names(constraint.table, constraint.columns)))
    columns += " without overlaps" if constraint.temporal else ""
    include = ", ".join(map(quote, catalog.column_names(constraint.table, index.included)))
    text = f"{'primary key' if constraint.type == 'p' else f'unique{nulls}'} ({columns})"
    return text + (f" include ({include})" if include else "") + spelled_deferral(constraint)


def spelled_deferral(constraint: Constraint) -> str:
    """Return what ALTER TABLE says of when a constraint is checked, nothing for the default."""
    if not constraint.deferrable:
        return ""
    return " deferrable initially deferred" if constraint.deferred else " deferrable"
