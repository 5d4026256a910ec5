"""Foreign keys between tenant tables: whether they carry the tenant, and what makes them.

The fix adds and takes nothing away: a unique index of the referenced table that has the tenant among its columns, an
index that covers the new key, and the key, added NOT VALID and validated after that. What it does not do: drop the key
that is there, on which other things may stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.constraining import ADD_LOCKS
from dbops.checks.expected_constraints import keeps_unique
from dbops.checks.names import fresh_name, qualified, quote
from dbops.checks.remediation import Fix, create_index, spelled_deferral
from dbops.checks.structure import Shape, spelled_columns

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog, Column, Constraint, Index, Relation

_SETS_SOME_COLUMNS = 150_000  # ON DELETE SET NULL (some of the columns) came with 15
_SETTING = {"n": "set null", "d": "set default"}
_OTHERS = {"a": "no action", "r": "restrict", "c": "cascade"}


class Reference(NamedTuple):
    """A foreign key from a tenant table to another, with the tenant columns of both."""

    key: Constraint
    child: Relation
    child_column: Column
    parent: Relation
    parent_column: Column

    @property
    def pairs(self) -> frozenset[tuple[int, int]]:
        """The columns that are compared."""
        return frozenset(zip(self.key.columns, self.key.foreign_columns, strict=True))

    @property
    def tenants(self) -> tuple[int, int]:
        """The tenant columns, as a pair."""
        return (self.child_column.number, self.parent_column.number)

    @property
    def carries_tenant(self) -> bool:
        """Whether both tenants have to be the same."""
        return self.tenants in self.pairs

    def is_bound_by(self, other: Constraint) -> bool:
        """Return whether another constraint has every row refer to the same row within its tenant."""
        if other.type != "f" or other.foreign_table != self.parent.oid or not (other.enforced and other.validated):
            return False
        return {self.tenants, *self.pairs} <= set(zip(other.columns, other.foreign_columns, strict=True))


def carry_tenant(catalog: Catalog, reference: Reference) -> Fix | None:
    """Return what has a foreign key's rows refer to their own tenant's alone; None where there is no plain way."""
    key, child, parent = reference.key, reference.child, reference.parent
    if child.is_partitioned or parent.is_partitioned or key.temporal or key.match != "s":
        return None
    if reference.child_column.type != reference.parent_column.type or key.on_update in _SETTING:
        return None
    if key.on_delete in _SETTING and catalog.server.version < _SETS_SOME_COLUMNS:
        return None
    referred = (reference.parent_column.number, *key.foreign_columns)
    if sum(_is_referable(index, referred) for index in catalog.indexes_of(parent.oid)) > 1:
        return None  # PostgreSQL would choose one of the copies to stand on, perhaps the one that is to be dropped
    steps = [
        _index(catalog, parent, referred, unique=True),
        _index(catalog, child, (reference.child_column.number, *key.columns), unique=False),
        _key(catalog, reference),
    ]
    made = [step for step in steps if step]
    return Fix(
        "\n".join(step.sql for step in made),
        "\n".join(step.undo or "" for step in reversed(made)),
        " ".join(dict.fromkeys(step.locks or "" for step in made)),
    )


def _index(catalog: Catalog, table: Relation, columns: tuple[int, ...], *, unique: bool) -> Fix | None:
    """Return what makes the index that one side needs, None where it is there."""
    fits = _is_referable if unique else _leads
    if any(fits(index, columns) for index in catalog.indexes_of(table.oid)):
        return None
    names = catalog.column_names(table.oid, columns)
    return create_index(catalog, Shape(table.oid, tuple(map(quote, names)), names, unique=unique))


def _is_referable(index: Index, columns: tuple[int, ...]) -> bool:
    return keeps_unique(index, columns) and index.immediate and index.method == "btree"


def _leads(index: Index, columns: tuple[int, ...]) -> bool:
    leading = index.columns[: min(index.key_count, len(columns))]
    return index.usable and index.method == "btree" and index.predicate is None and set(leading) == set(columns)


def _key(catalog: Catalog, reference: Reference) -> Fix:
    key, child, parent = reference.key, reference.child, reference.parent
    own = catalog.column_names(child.oid, (reference.child_column.number, *key.columns))
    foreign = catalog.column_names(parent.oid, (reference.parent_column.number, *key.foreign_columns))
    taken = {there.name for there in catalog.constraints_of(child.oid)}
    says = f"foreign key {spelled_columns(own)} references {qualified(parent.schema, parent.name)}"
    says += f" {spelled_columns(foreign)}{_actions(key, spelled_columns(own[1:]))}{spelled_deferral(key)}"
    # Two keys over the same columns may be mended by one script, and neither knows of the other's new name.
    alone = all(there.oid == key.oid or there.columns != key.columns for there in catalog.constraints_of(child.oid))
    name = quote(fresh_name(child.name, (*own, "fkey"), taken, plain=alone, shape=says))
    alter = f"alter table {qualified(child.schema, child.name)}"
    return Fix(
        f"{alter} add constraint {name} {says} not valid;\n{alter} validate constraint {name};",
        f"{alter} drop constraint {name};",
        ADD_LOCKS,
    )


def _actions(key: Constraint, columns: str) -> str:
    """Return what the key does on update and on delete; the tenant is never among the columns that are set."""
    text = f" on update {_OTHERS[key.on_update]}" if key.on_update != "a" else ""
    if key.on_delete in _SETTING:
        return f"{text} on delete {_SETTING[key.on_delete]} {columns}"
    return text + (f" on delete {_OTHERS[key.on_delete]}" if key.on_delete != "a" else "")
