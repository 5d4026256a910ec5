"""A foreign key has no index that covers it.

## What it detects

Foreign keys whose columns lead no index that could find the referencing rows. An index covers if queries may use it,
its first keys are the foreign key's columns in any order, it compares them by the key's own equality, and it holds
every row whose columns are not null. So a partial index on `deleted_at is null` does not cover and one on `customer_id
is not null` does; an invalid index does not, nor does BRIN, nor a column that is merely in INCLUDE. The finding says
what comes nearest. Of a partitioned table it is reported once, on the parent; a partition's own cover counts.

## Why it matters

Every delete of a referenced row, and every change of its key, looks for the rows that refer to it: without an index it
reads the whole referencing table for each row, and holds its locks for as long. Joins from parent to child read it too.

## How to fix

Create the index with the statement of the finding. Where the covering index is merely invalid, build it anew.

## What it does not see

Whether anybody joins through the key. Deletes are counted since the statistics were reset: a referenced table from
which nothing was deleted in at least a week makes the finding an info. Foreign keys that are not enforced look nothing
up, and are left alone. Where the types of both sides keep any plain index from serving, `fk-type-mismatch` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import (
    Collation,
    Constraint,
    DataType,
    EqualityFamilies,
    Index,
    OperatorClass,
    Relation,
    StatisticsWindow,
    TableActivity,
    TableColumns,
)
from dbops.checks.cover import Gap, gap, would_cover
from dbops.checks.datatypes import found_as_kept
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import create_index, rebuild_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import Shape, spelled_columns
from dbops.checks.unusable import dropped
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.quantities import counted
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.remediation import Fix

RULE = Rule(
    severity=Severity.WARNING,
    needs=[Relation, TableColumns, DataType, Constraint, Index, OperatorClass, EqualityFamilies, Collation],
    refines=[TableActivity, StatisticsWindow],
)

WEEK_SECONDS = 7 * 24 * 3600
LARGE_ROWS = 1_000_000
# Each row that ON DELETE changes is a write of its own; the same scan then hurts at a tenth of the size.
LARGE_ROWS_WITH_ACTION = 100_000
_ACTIONS = {"c": "on delete cascade", "n": "on delete set null", "d": "on delete set default"}


class Uncovered(NamedTuple):
    """Foreign keys of one table over the same columns, and what they lack."""

    table: Relation
    keys: tuple[Constraint, ...]
    gap: Gap


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each set of columns with a foreign key and no cover."""
    for uncovered in _uncovered(catalog):
        yield _draft(catalog, policy, uncovered)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001  (every rule has this signature)
    """Every enforced foreign key, each partitioned one once."""
    return Scope(checked=len(foreign_keys(catalog)), total=sum(key.type == "f" for key in catalog.rows(Constraint)))


def foreign_keys(catalog: Catalog) -> tuple[Constraint, ...]:
    """Return the foreign keys that look something up; the parts of partitioned ones belong to their parents."""
    return tuple(key for key in catalog.rows(Constraint) if key.type == "f" and key.parent is None and key.enforced)


def _uncovered(catalog: Catalog) -> Iterator[Uncovered]:
    """Yield what is uncovered, foreign keys over the same columns together: they need the same index."""
    groups: dict[tuple[int, frozenset[int]], list[Constraint]] = {}
    for key in foreign_keys(catalog):
        groups.setdefault((key.table, frozenset(key.columns)), []).append(key)
    for (table, _), members in groups.items():
        gaps = [(found, key) for key in members if (found := gap(catalog, key)) and _can_be_covered(catalog, key)]
        if gaps:
            yield Uncovered(catalog.relations[table], tuple(key for _, key in gaps), gaps[0][0])


def _can_be_covered(catalog: Catalog, key: Constraint) -> bool:
    """Return whether any plain index would do; where the types keep it from that, `fk-type-mismatch` says so."""
    columns = catalog.columns(key.table)
    return all(
        found_as_kept(catalog, operator, columns[number].type)
        for operator, number in zip(key.operators, key.columns, strict=True)
    )


def _draft(catalog: Catalog, policy: Policy, uncovered: Uncovered) -> Draft:
    table, keys, missing = uncovered
    columns = catalog.column_names(table.oid, keys[0].columns)
    said = " and ".join(f"{quote(key.name)} to {catalog.name_of(key.foreign_table or 0)}" for key in keys)
    severity, weight = _weigh(catalog, table, keys)
    return Draft(
        object=qualified(table.schema, table.name),
        detail=f"foreign key {said} on {spelled_columns(columns)}: {missing.detail}{weight}",
        signature=tuple(sorted(columns)),
        severity=severity,
        verify=statement("indexes_of_table", qualified(table.schema, table.name)),
        fix=_fix(catalog, policy, uncovered, columns),
    )


def _fix(catalog: Catalog, policy: Policy, uncovered: Uncovered, columns: tuple[str, ...]) -> Fix | None:
    """Return what makes a cover, or builds one anew that is there; not one that `invalid-index` has dropped."""
    table, keys, _ = uncovered
    for index in catalog.indexes_of(table.oid):
        if would_cover(catalog, index, keys[0]) and not dropped(catalog, policy, index):
            return rebuild_index(catalog, index)
    method = "gist" if keys[0].temporal else "btree"  # a period is found by overlap
    return create_index(catalog, Shape(table.oid, tuple(map(quote, columns)), columns, method))


def _weigh(catalog: Catalog, table: Relation, keys: tuple[Constraint, ...]) -> tuple[Severity, str]:
    """Return how bad it is, and the figures behind that: child size, deletes of the parents, ON DELETE."""
    rows = sum(max(leaf.rows, 0) for leaf in catalog.leaves(table.oid))
    deleted = sum(_deleted(catalog, key.foreign_table) for key in keys)
    actions = sorted({_ACTIONS[key.on_delete] for key in keys if key.on_delete in _ACTIONS})
    figures = (
        f" ({counted(rows, 'row')}, {counted(deleted, 'delete')} of referenced rows"
        f" counted{''.join(f', {a}' for a in actions)})"
    )
    if deleted and rows >= (LARGE_ROWS_WITH_ACTION if actions else LARGE_ROWS):
        return Severity.ERROR, figures
    if not deleted and _counts_can_be_trusted(catalog):
        return Severity.INFO, "; nothing was deleted from the referenced table in the time the statistics cover"
    return Severity.WARNING, figures if deleted else ""


def _deleted(catalog: Catalog, table: int | None) -> int:
    counts = catalog.once(
        "deleted rows", lambda: {row.table: row.deleted for row in catalog.rows_if_readable(TableActivity)}
    )
    if table not in catalog.relations:
        return 0
    return sum(counts.get(leaf.oid, 0) for leaf in catalog.leaves(table))


def _counts_can_be_trusted(catalog: Catalog) -> bool:
    """Return whether "none" means none: counted for a week, and on the server where rows are written."""
    if catalog.failure(TableActivity):
        return False
    windows = catalog.rows_if_readable(StatisticsWindow)
    return any((window.seconds or 0) >= WEEK_SECONDS and not window.on_standby for window in windows)
