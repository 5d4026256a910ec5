"""SQL that gives columns another type, with every column that refers to them and would no longer fit.

A column is changed where it is declared, on the partitioned table and not on a partition. One ALTER TABLE for each
table, so that each is rewritten once. What this module does not do: say which type is right.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import Constraint
from dbops.checks.datatypes import INTEGER_LIMITS, base_type, spelled, type_of
from dbops.checks.names import quote
from dbops.checks.quantities import PAGE_BYTES
from dbops.checks.remediation import Fix
from dbops.quantities import size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbops.checks.catalog import Catalog, Relation


class Place(NamedTuple):
    """A column, by its table and number."""

    table: int
    number: int


def retype(catalog: Catalog, places: Iterable[Place], data_type: int, modifier: int) -> Fix | None:
    """Return what gives columns (and what refers to them, where it would be too narrow) a type; None if no ALTER can.

    A column by which a table is partitioned cannot be changed, nor one that the snapshot does not have, nor one that a
    table may have from another that it inherits from.
    """
    wanted = [declared(catalog, place) for place in places]
    found = _with_referring(catalog, [place for place in wanted if place], data_type)
    if None in wanted or any(catalog.relations[p.table].inherits or _partitions_by(catalog, p) for p in found):
        return None
    by_table: dict[int, list[Place]] = defaultdict(list)
    for place in found:
        by_table[place.table].append(place)
    tables = sorted(by_table, key=catalog.name_of)
    new_type = spelled(catalog, data_type, modifier)
    return Fix(
        "\n".join(_alter(catalog, table, dict.fromkeys(by_table[table], new_type)) for table in tables),
        "\n".join(_alter(catalog, table, {p: _now(catalog, p) for p in by_table[table]}) for table in tables),
        _locks(catalog, tables),
    )


def referring(catalog: Catalog, place: Place) -> tuple[Place, ...]:
    """Return the columns that refer to a column by a foreign key, ordered by name of their table."""
    return catalog.once("referring columns", lambda: _referring_columns(catalog)).get(place, ())


def _referring_columns(catalog: Catalog) -> dict[Place, tuple[Place, ...]]:
    found: dict[Place, set[Place]] = defaultdict(set)
    for key in catalog.rows(Constraint):
        if key.type == "f" and key.parent is None and key.foreign_table:
            for own, foreign in zip(key.columns, key.foreign_columns, strict=True):
                found[Place(key.foreign_table, foreign)].add(Place(key.table, own))
    return {
        place: tuple(sorted(places, key=lambda one: (catalog.name_of(one.table), one.number)))
        for place, places in found.items()
    }


def declared(catalog: Catalog, place: Place) -> Place | None:
    """Return where a column is declared: on the topmost partitioned table."""
    relation = catalog.relations.get(place.table)
    if relation is None or place.number not in catalog.columns(place.table):
        return None
    name = catalog.columns(place.table)[place.number].name
    while relation.parent and relation.parent in catalog.relations:
        relation = catalog.relations[relation.parent]
    column = catalog.column_named(relation.oid, name)
    return Place(relation.oid, column.number) if column else None


def _with_referring(catalog: Catalog, places: list[Place], data_type: int) -> list[Place]:
    """Return the columns and those that refer to them, at any distance, of the type they had or a narrower one."""
    found = list(dict.fromkeys(places))
    for place in found:  # grows while it is walked
        for other in referring(catalog, place):
            home = declared(catalog, other)
            if home and home not in found and _too_narrow(catalog, place, home, data_type):
                found.append(home)
    return found


def _too_narrow(catalog: Catalog, place: Place, other: Place, data_type: int) -> bool:
    types = [type_of(catalog, *one) for one in (place, other)]
    now, there = (base_type(catalog, one[0]) if one else 0 for one in types)
    new = base_type(catalog, data_type)
    if there in INTEGER_LIMITS and new in INTEGER_LIMITS:
        return INTEGER_LIMITS[there] < INTEGER_LIMITS[new]
    return there == now


def _partitions_by(catalog: Catalog, place: Place) -> bool:
    """Return whether a table or a part of it is partitioned by the column."""
    name = catalog.columns(place.table)[place.number].name
    return any(
        column and catalog.columns(part.oid)[column].name == name
        for part in _tree(catalog, catalog.relations[place.table])
        for column in part.partition_columns
    )


def _tree(catalog: Catalog, table: Relation) -> Iterable[Relation]:
    yield table
    for part in catalog.partitions.get(table.oid, ()):
        yield from _tree(catalog, part)


def _now(catalog: Catalog, place: Place) -> str:
    column = catalog.columns(place.table)[place.number]
    return spelled(catalog, column.type, column.modifier)


def _alter(catalog: Catalog, table: int, types: dict[Place, str]) -> str:
    columns = catalog.columns(table)
    changes = [
        f"alter column {quote(columns[place.number].name)} type {types[place]}"
        for place in sorted(types, key=lambda place: place.number)
    ]
    return f"alter table {catalog.name_of(table)} {', '.join(changes)};"


def _locks(catalog: Catalog, tables: list[int]) -> str:
    pages = sum(leaf.pages for table in tables for leaf in catalog.leaves(table))
    return (
        "ACCESS EXCLUSIVE on each table while it and its indexes are rewritten"
        f" (about {size(pages * PAGE_BYTES)} without indexes): reads and writes wait. For a large table"
        " add a column of the new type, keep it filled by a trigger, fill the rest in batches, and switch. A view,"
        " rule, policy or generated column over the column has to be dropped first and made again."
    )
