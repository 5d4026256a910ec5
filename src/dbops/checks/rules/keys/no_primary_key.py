"""A table has no primary key.

## What it detects

Tables without a primary key. Of a partitioned table it is reported once, on the parent. Where a unique index on columns
that are NOT NULL could become the primary key, or a unique constraint on such columns could, the finding names it.

## Why it matters

Nothing says which row is which: duplicates cannot be told apart or removed, logical replication cannot update or
delete, and every tool that copies or compares rows has to guess.

## How to fix

Promote the unique index where there is one: that takes a lock only for an instant. A unique constraint is declared
again as the primary key, under the same name, which builds its index anew. Otherwise decide which columns identify a
row; the statement of the finding adds a number for it, which rewrites the table. A partitioned table's key has to hold
the columns it is partitioned by, so there the choice is left to you.

## What it does not see

Whether the rows are in fact distinct. Temporary and foreign tables are left alone. It is an error, not a warning, where
a publication sends updates or deletes of the table: those fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    Constraint,
    Index,
    IndexActivity,
    OperatorClass,
    Publication,
    Relation,
    TableColumns,
    UnprovenConstraint,
)
from dbops.checks.names import fresh_name, qualified, quote
from dbops.checks.proof import plain_definition, prove
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import keep_order, keys
from dbops.checks.surplus import scans_of
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.settings import TenancyTable
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[Relation, TableColumns, Constraint, Index, OperatorClass, Collation],
    refines=[Publication, IndexActivity, UnprovenConstraint],
)

_ROW_NUMBER_NAMES = ("id", "row_id", "surrogate_id")


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each table without a primary key."""
    for table in _candidates(catalog):
        if not any(constraint.type == "p" for constraint in catalog.constraints_of(table.oid)):
            yield _draft(catalog, policy, table)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001
    """Every table, partitions counting with their parent."""
    checked = len(_candidates(catalog))
    return Scope(checked=checked, total=checked)


def _candidates(catalog: Catalog) -> tuple[Relation, ...]:
    return tuple(table for table in catalog.rows(Relation) if table.is_table and table.parent is None)


def _draft(catalog: Catalog, policy: Policy, table: Relation) -> Draft:
    name = qualified(table.schema, table.name)
    fitting = _fitting(catalog, table)
    index = next((index for index in fitting if index.oid not in catalog.backed_constraints), None)
    constraint = None if index else _exchangeable(catalog, policy, fitting)
    publication = _broken_publication(catalog, table)
    detail = "has no primary key"
    if index:
        detail += f"; the unique index {quote(index.name)} on NOT NULL columns can become it"
    if constraint:
        detail += f"; the unique constraint {quote(constraint.name)} is on NOT NULL columns, and can be declared as one"
    doubted = _doubted(catalog, table, constraint.columns if constraint else index.columns if index else ())
    if doubted:
        detail += f"; rows from before {' and '.join(quote(one.name) for one in doubted)} are looked at first"
    if publication:
        detail += f"; the publication {quote(publication)} sends its updates or deletes, which fail"
    return Draft(
        object=name,
        detail=detail,
        severity=Severity.ERROR if publication else None,
        verify=statement("keys_of_table", name),
        fix=_after(
            [prove(one, catalog.server.version) for one in doubted],
            _exchange(catalog, table, constraint) if constraint else _fix(catalog, table, index),
        ),
    )


def _doubted(catalog: Catalog, table: Relation, columns: Iterable[int]) -> list[UnprovenConstraint]:
    """Return the NOT NULL constraints of `columns` that were never validated (18): no primary key stands on those."""
    known = catalog.columns(table.oid)
    wanted = {f"NOT NULL {quote(known[number].name)}" for number in columns if number}
    return [
        one
        for one in catalog.rows_if_readable(UnprovenConstraint)
        if one.type == "n"
        and (one.schema, one.owner) == (table.schema, table.name)
        and plain_definition(one).removesuffix(" NO INHERIT") in wanted
    ]


def _after(first: list[Fix], fix: Fix | None) -> Fix | None:
    """Return a fix with others before it."""
    if not first or fix is None:
        return fix
    locks = f"{first[0].locks} Then {fix.locks}"
    return Fix("\n".join([*(one.sql for one in first), fix.sql]), fix.undo, locks)


def _fitting(catalog: Catalog, table: Relation) -> list[Index]:
    """Return the unique indexes that are what a primary key's would be, those with the fewest columns first."""
    if table.is_partitioned:  # ADD PRIMARY KEY USING INDEX is not supported there
        return []
    not_null = {column.number for column in catalog.columns(table.oid).values() if column.not_null}
    fitting = [
        index
        for index in catalog.indexes_of(table.oid)
        if index.is_unique
        and index.usable
        and index.immediate
        and index.method == "btree"
        and index.predicate is None
        and not index.nulls_not_distinct
        and set(index.columns[: index.key_count]) <= not_null
        and not any(key.options for key in keys(catalog, index))
        and all(_compares_by_default(catalog, index, i) for i in range(index.key_count))
    ]
    # Of several alike, the one that `duplicate-index` keeps.
    scans = scans_of(catalog)
    return sorted(fitting, key=lambda index: (index.key_count, keep_order(catalog, index, scans)))


def _exchangeable(catalog: Catalog, policy: Policy, fitting: list[Index]) -> Constraint | None:
    """Return a unique constraint that can go, since nothing else stands on its index and no tenant is missing in it."""
    return next(
        (
            catalog.backed_constraints[index.oid]
            for index in fitting
            if catalog.backed_constraints[index.oid].type == "u"
            and index.oid not in catalog.referenced_indexes
            and not index.replica_identity
            and not index.clustered
            and len(index.columns) == index.key_count
            and not _forgets_tenant(catalog, policy, index)
        ),
        None,
    )


def _forgets_tenant(catalog: Catalog, policy: Policy, index: Index) -> bool:
    """Tell whether `unique-key-crosses-tenants` may want another key in the place of this one."""
    tenant_columns = (policy.tenancy or TenancyTable()).columns
    numbers = {one.number for one in catalog.columns(index.table).values() if one.name in tenant_columns}
    return bool(numbers) and not numbers & set(index.columns)


def _exchange(catalog: Catalog, table: Relation, constraint: Constraint) -> Fix:
    known = catalog.columns(table.oid)
    columns = ", ".join(quote(known[number].name) for number in constraint.columns)
    drop = f"alter table {qualified(table.schema, table.name)} drop constraint {quote(constraint.name)}, add constraint"
    return Fix(
        f"{drop} {quote(constraint.name)} primary key ({columns});",
        f"{drop} {quote(constraint.name)} unique ({columns});",
        "ACCESS EXCLUSIVE on the table while the index is built anew: reads and writes wait. Rows are not rewritten.",
    )


def _compares_by_default(catalog: Catalog, index: Index, position: int) -> bool:
    column = catalog.columns(index.table)[index.columns[position]]
    opclass = catalog.operator_classes[index.opclasses[position]]
    return opclass.is_default and index.collations[position] == column.collation


def _fix(catalog: Catalog, table: Relation, index: Index | None) -> Fix | None:
    name = qualified(table.schema, table.name)
    if index:
        return Fix(
            f"alter table {name} add primary key using index {quote(index.name)};",
            locks="ACCESS EXCLUSIVE on the table for an instant: the columns are NOT NULL already, nothing is read."
            " The index takes the name of the constraint.",
        )
    if table.is_partitioned or table.has_children:  # of identity columns the server says: not recursively
        return None
    number = _row_number_name(catalog, table)
    return Fix(
        f"alter table {name} add column {quote(number)} bigint generated always as identity primary key;",
        f"alter table {name} drop column {quote(number)};",
        "ACCESS EXCLUSIVE on the table while it is rewritten: reads and writes wait. INSERT statements that name no"
        " columns keep working, SELECT * returns one column more.",
    )


def _row_number_name(catalog: Catalog, table: Relation) -> str:
    taken = {column.name for column in catalog.columns(table.oid).values()}
    free = [name for name in _ROW_NUMBER_NAMES if name not in taken]
    return free[0] if free else fresh_name("id", (), taken, plain=True, shape=table.name)


def _broken_publication(catalog: Catalog, table: Relation) -> str | None:
    """Return a publication whose updates or deletes of the table fail for want of a replica identity."""
    if table.replica_identity in {"f", "i"}:
        return None
    members = {table.oid, *(leaf.oid for leaf in catalog.leaves(table.oid))}
    return next(
        (
            publication.name
            for publication in catalog.rows_if_readable(Publication)
            if (publication.updates or publication.deletes)
            and (publication.all_tables or table.schema in publication.schemas or members & set(publication.tables))
            and table.persistence == "p"
        ),
        None,
    )
