"""SQL that adds a declared constraint and blocks as little as PostgreSQL allows.

A key is built as an index beside running reads and writes and becomes the constraint in an instant; a foreign key or a
check is added as not valid, so that it holds for new rows at once, and then validated. What it does not do: mend the
rows that violate it, on which the last statement fails without harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.expected_constraints import keeps_unique, spelled
from dbops.checks.names import fresh_name, qualified, quote
from dbops.checks.remediation import BUILD_LOCKS, Fix, create_index
from dbops.checks.structure import Shape, keys

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog, Constraint, Index
    from dbops.checks.expected_constraints import ConstraintMatch, WantedConstraint

KEY_LOCKS = (
    f"{BUILD_LOCKS} Then ACCESS EXCLUSIVE for an instant; a primary key on columns that may be null reads the table"
    " under it. Nothing is rewritten."
)
ADD_LOCKS = (
    "ACCESS EXCLUSIVE on the table (for a foreign key SHARE ROW EXCLUSIVE on both) for an instant, nothing is read or"
    " rewritten; VALIDATE then reads the table under SHARE UPDATE EXCLUSIVE, and reads and writes go on."
)
READING_LOCKS = "ACCESS EXCLUSIVE on the table (for a foreign key SHARE ROW EXCLUSIVE on both) while every row is read."

_NOT_VALID_KEYS_ON_PARTITIONED = 180_000
_SUFFIXES = {"pk": "pkey", "unique": "key", "fk": "fkey", "check": "check", "exclude": "excl"}


def add_constraint(catalog: Catalog, match: ConstraintMatch) -> Fix | None:
    """Return what adds a missing constraint, None where that takes a decision first: which key, which expression."""
    wanted = match.wanted
    if wanted is None or not wanted.table.is_table:
        return None
    match wanted.value.kind:
        case "pk" | "unique":
            return _add_key(catalog, wanted)
        case "fk":
            return _add_foreign_key(catalog, wanted, match.near)
    if wanted.expression is None:
        return None
    if wanted.value.kind == "exclude":
        name = _name(catalog, wanted)
        return _added(wanted, name, [f"add constraint {quote(name)} {wanted.spelled(catalog)}"], READING_LOCKS)
    return _add_in_steps(catalog, wanted)


# Keys


def _add_key(catalog: Catalog, wanted: WantedConstraint) -> Fix | None:
    table = wanted.table
    primary = wanted.value.kind == "pk"
    if primary and any(there.type == "p" for there in catalog.constraints_of(table.oid)):
        return None
    name = _name(catalog, wanted)
    if table.is_partitioned:
        if not set(table.partition_columns) <= set(wanted.columns):
            return None
        return _added(wanted, name, [f"add constraint {quote(name)} {wanted.spelled(catalog)}"], READING_LOCKS)
    kind = "primary key" if primary else "unique"
    if there := next((index for index in catalog.indexes_of(table.oid) if _promotable(catalog, index, wanted)), None):
        step = f"add {kind} using index {quote(there.name)}"
        return Fix(f"alter table {qualified(table.schema, table.name)} {step};", None, KEY_LOCKS)
    columns = catalog.column_names(table.oid, wanted.columns)
    shape = Shape(table.oid, tuple(map(quote, columns)), columns, unique=True)
    built = create_index(catalog, shape, name)
    become = _added(wanted, name, [f"add constraint {quote(name)} {kind} using index {quote(name)}"], KEY_LOCKS)
    return Fix(f"{built.sql}\n{become.sql}", become.undo, KEY_LOCKS)


def _promotable(catalog: Catalog, index: Index, wanted: WantedConstraint) -> bool:
    """Return whether ADD PRIMARY KEY USING INDEX takes an index for the declared key."""
    columns = catalog.columns(index.table)
    return (
        keeps_unique(index, wanted.columns)
        and index.immediate
        and index.method == "btree"
        and not index.nulls_not_distinct
        and index.oid not in catalog.backed_constraints
        and all(
            key.options == 0
            and key.collation == columns[key.column].collation
            and catalog.operator_classes[opclass].is_default
            for key, opclass in zip(keys(catalog, index), index.opclasses, strict=True)
        )
    )


# Foreign keys and checks


def _add_foreign_key(catalog: Catalog, wanted: WantedConstraint, near: Constraint | None) -> Fix | None:
    """Return what adds a foreign key and the index that it needs; one that differs in its action alone goes."""
    foreign = wanted.foreign
    if foreign is None or not any(
        keeps_unique(index, wanted.foreign_columns) and index.immediate for index in catalog.indexes_of(foreign.oid)
    ):
        return None
    added = _add_in_steps(catalog, wanted)
    table = qualified(wanted.table.schema, wanted.table.name)
    if near:
        old = quote(near.name)
        return Fix(
            f"{added.sql}\nalter table {table} drop constraint {old};",
            f"alter table {table} add constraint {old} {spelled(catalog, near)};\n{added.undo}",
            added.locks,
        )
    if any(_leads(index, wanted.columns) for index in catalog.indexes_of(wanted.table.oid)):
        return added
    columns = catalog.column_names(wanted.table.oid, wanted.columns)
    built = create_index(catalog, Shape(wanted.table.oid, tuple(map(quote, columns)), columns))
    return Fix(f"{built.sql}\n{added.sql}", f"{added.undo}\n{built.undo}", f"{built.locks} {added.locks}")


def _leads(index: Index, columns: tuple[int, ...]) -> bool:
    """Return whether the rows of a referenced key are found by an index, without what only its operators tell."""
    leading = index.columns[: min(index.key_count, len(columns))]
    return index.usable and index.method == "btree" and index.predicate is None and set(leading) == set(columns)


def _add_in_steps(catalog: Catalog, wanted: WantedConstraint) -> Fix:
    name = _name(catalog, wanted)
    add = f"add constraint {quote(name)} {wanted.spelled(catalog)}"
    is_key = wanted.value.kind == "fk"
    if is_key and wanted.table.is_partitioned and catalog.server.version < _NOT_VALID_KEYS_ON_PARTITIONED:
        return _added(wanted, name, [add], READING_LOCKS)
    return _added(wanted, name, [f"{add} not valid", f"validate constraint {quote(name)}"], ADD_LOCKS)


# Both


def _added(wanted: WantedConstraint, name: str, steps: list[str], locks: str) -> Fix:
    table = qualified(wanted.table.schema, wanted.table.name)
    return Fix(
        "\n".join(f"alter table {table} {step};" for step in steps),
        f"alter table {table} drop constraint {quote(name)};",
        locks,
    )


def _name(catalog: Catalog, wanted: WantedConstraint) -> str:
    """Return the declared name if it is free, else one in the way of PostgreSQL."""
    table = wanted.table
    taken = {there.name for there in catalog.constraints_of(table.oid)}
    if wanted.value.kind in {"pk", "unique", "exclude"}:  # whose index takes the name too
        taken |= catalog.taken_names(table.schema)
    if wanted.value.name and wanted.value.name not in taken:
        return wanted.value.name
    columns = () if wanted.value.kind == "pk" else catalog.column_names(table.oid, wanted.columns)
    parts = (*columns, _SUFFIXES[wanted.value.kind])
    return fresh_name(table.name, parts, taken, plain=not wanted.expression, shape=wanted.spelled(catalog))
