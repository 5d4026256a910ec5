"""Keys of tenant tables: which of them say something across tenants, and what makes them keep to one.

A key keeps to one tenant if it has the tenant column, or a column that is new for every row (a surrogate: an identity,
a generated default, a uuid, the single whole number of a primary key), or all columns of a foreign key to another
tenant table, whose row is some tenant's already. The keys of the table of tenants itself are about tenants, and none
crosses. What is no key: an index that is not valid, or excludes overlaps.
What this module does not do: decide that a key has to be one of the whole database; a person does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbops.checks.catalog import Constraint
from dbops.checks.constraining import KEY_LOCKS
from dbops.checks.cover import covers
from dbops.checks.datatypes import INTEGER_NAMES, base_type
from dbops.checks.declarations import canonical_name
from dbops.checks.defaults import default_of, is_fixed
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import (
    BUILD_LOCKS,
    DROP_LOCKS,
    Fix,
    create_index,
    create_index_again,
    drop_index,
    new_name,
    spelled_deferral,
)
from dbops.checks.structure import same_content, shape
from dbops.checks.surplus import expected_to_stay
from dbops.checks.tenants import tenant_table

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog, Column, Index
    from dbops.checks.policy import Policy
    from dbops.checks.structure import Shape
    from dbops.checks.tenants import TenantTable

_UUID = 2950


def crosses_tenants(catalog: Catalog, policy: Policy, tenant: TenantTable, index: Index) -> bool:
    """Return whether a unique index refuses a row because of another tenant's."""
    if tenant.column is None or not index.is_unique or not index.usable or index.is_exclusion or index.parent:
        return False
    keys = index.columns[: index.key_count]
    texts = (*index.expressions, index.predicate or "")
    if tenant.column.number in keys or any(_names(text, tenant.column) for text in texts):
        return False
    if _is_of_tenants(catalog, tenant.table.oid, tenant.column):
        return False
    columns = catalog.columns(index.table)
    if any(_is_surrogate(catalog, index, columns[number]) for number in keys if number):
        return False
    return not any(
        set(key.columns) <= set(keys)
        for key in catalog.constraints_of(index.table)
        if key.type == "f" and tenant_table(catalog, policy, key.foreign_table or 0)
    )


def _is_of_tenants(catalog: Catalog, table: int, column: Column) -> bool:
    """Return whether a table is the one of tenants: a row for each, to which other tables refer by the tenant alone."""
    alone = (column.number,)
    return any(key.type == "p" and key.columns == alone for key in catalog.constraints_of(table)) and any(
        key.type == "f" and key.foreign_table == table and key.foreign_columns == alone and key.table != table
        for key in catalog.rows(Constraint)
    )


def _names(text: str, column: Column) -> bool:
    """Return whether an expression or a predicate speaks of a column."""
    return re.search(rf"(?<![\w\"]){re.escape(quote(column.name))}(?![\w\"])", text) is not None


def _is_surrogate(catalog: Catalog, index: Index, column: Column) -> bool:
    default = default_of(catalog, index.table, column.number) if column.generated == "-" else None
    if column.identity != "-" or (default and not is_fixed(default)):
        return True
    kind = base_type(catalog, column.type)
    return kind == _UUID or (index.is_primary and index.key_count == 1 and kind in INTEGER_NAMES)


def keep_to_tenant(catalog: Catalog, policy: Policy, index: Index, column: Column) -> Fix | None:
    """Return what makes a key unique per tenant; None where something else stands on it as it is."""
    if _is_needed_as_it_is(catalog, policy, index):
        return None
    constraint = catalog.backed_constraints.get(index.oid)
    was = shape(catalog, index)
    key = quote(column.name)
    wanted = was._replace(keys=(key, *was.keys), columns=(column.name, *was.columns))
    keeping = [i for i in catalog.indexes_of(index.table) if i.is_unique and _is_alike(shape(catalog, i), wanted)]
    if keeping:
        return _without(catalog, index, constraint) if any(i.usable for i in keeping) else None
    if constraint is None:
        built = create_index(catalog, wanted)
        return Fix(
            f"{built.sql}\ndrop index concurrently {catalog.index_name(index)};",
            f"{create_index_again(catalog, index)}\n{built.undo}",
            f"{BUILD_LOCKS} {DROP_LOCKS}",
        )
    if constraint.type == "p" and not column.not_null:
        return None
    there, back = (_put_on(catalog, constraint, one) for one in (wanted, was))
    return Fix(there, back, f"{BUILD_LOCKS} {KEY_LOCKS}")


def _is_alike(one: Shape, other: Shape) -> bool:
    """Return whether two indexes are the same, wherever they are kept."""
    first, second = (each._replace(settings=(), tablespace=None).spelled() for each in (one, other))
    return first == second


def _without(catalog: Catalog, index: Index, constraint: Constraint | None) -> Fix | None:
    """Return what drops a key, another one being there that keeps to the tenant; a primary key is never dropped."""
    if constraint is None:
        return drop_index(catalog, index)
    if constraint.type == "p":
        return None
    create, add = _again(catalog, constraint, shape(catalog, index))
    return Fix(_drop(catalog, constraint), f"{create}\n{add}", KEY_LOCKS)


def _put_on(catalog: Catalog, constraint: Constraint, wanted: Shape) -> str:
    """Return what puts a constraint on another index, under the name that it has."""
    create, add = _again(catalog, constraint, wanted)
    return f"{create}\n{_drop(catalog, constraint)}\n{add}"


def _drop(catalog: Catalog, constraint: Constraint) -> str:
    return f"alter table {catalog.name_of(constraint.table)} drop constraint {quote(constraint.name)};"


def _again(catalog: Catalog, constraint: Constraint, wanted: Shape) -> tuple[str, str]:
    """Return what makes the index of a constraint, and the constraint of that."""
    name = new_name(catalog, catalog.relations[wanted.table], wanted)
    kind = "primary key" if constraint.type == "p" else "unique"
    add = f"alter table {catalog.name_of(constraint.table)} add constraint {quote(constraint.name)} {kind}"
    return create_index(catalog, wanted).sql, f"{add} using index {quote(name)}{spelled_deferral(constraint)};"


def _is_needed_as_it_is(catalog: Catalog, policy: Policy, index: Index) -> bool:
    table = catalog.relations[index.table]
    others = [other for other in catalog.indexes_of(index.table) if other.oid != index.oid]
    foreign = [key for key in catalog.constraints_of(index.table) if key.type == "f"]
    return (
        table.is_partitioned
        or index.oid in catalog.referenced_indexes
        or index.replica_identity
        or index.clustered
        or expected_to_stay(catalog, policy, index)
        or _is_declared(catalog, policy, index)
        or any(same_content(catalog, index, other) for other in others)
        or any(covers(catalog, index, key) for key in foreign)
    )


def _is_declared(catalog: Catalog, policy: Policy, index: Index) -> bool:
    """Return whether a key of its table is declared as a constraint, which may be this one."""
    table = catalog.relations[index.table]
    name = qualified(table.schema, table.name)
    keys = (one.value for one in policy.expected_constraints if one.value.kind in {"pk", "unique"})
    return any(canonical_name(value.table) == name for value in keys)
