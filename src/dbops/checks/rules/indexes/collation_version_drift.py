"""The library that orders text is another version than the one indexes were built with.

## What it detects

Collations of which the version recorded in the database is not the one that the C library or ICU has now, with the
indexes that depend on them: B-tree, GiST, GIN and BRIN indexes with a key under that collation. The database's default
collation is among them from 15 on; before, PostgreSQL recorded nothing for it.

## Why it matters

The order of text changes between versions of the library. An index built in the old order is searched in the new one:
rows that are there are not found, unique keys are entered twice, and a merge join loses rows. Nothing says so.

## How to fix

Build the indexes anew with the statements of the finding, then have the new version recorded; never the other way
round, since recording is what silences the warning. A unique index may fail on the duplicates that crept in: find and
merge them first. Upgrade servers that replicate from each other together.

## What it does not see

Other things that depend on the order: bounds of partitions by text, CHECK constraints, predicates and expressions of
indexes that compare text, and indexes of tables that an extension owns. Whether the two versions really order the
database's texts differently: amcheck tells. The default collation before 15.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    CollationDrift,
    Constraint,
    Index,
    OperatorClass,
    Relation,
    TableColumns,
)
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import REBUILD_LOCKS, Fix, rebuild_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.quantities import counted
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.ERROR,
    needs=[Relation, TableColumns, Index, OperatorClass, Collation, CollationDrift, Constraint],
)

_NAMED = 5
_DEFAULT_IS_RECORDED = 150000
# By these the order of text plays no part: equality of bytes, or their order.
_METHODS_WITHOUT_ORDER = frozenset({"hash", "spgist"})
_PATTERN_CLASSES = frozenset({"text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops"})


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each collation that has moved on."""
    for drift in catalog.rows(CollationDrift):
        yield _draft(catalog, drift)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001
    """Count the indexes that depend on the order of some text, all but those by an unrecorded default collation."""
    alike: dict[tuple[object, ...], list[Index]] = defaultdict(list)  # few, however many indexes there are
    for index in catalog.rows(Index):
        if index.kind == "i":
            alike[index.method, index.collations, index.opclasses].append(index)
    used = [(_collations(catalog, indexes[0]), len(indexes)) for indexes in alike.values()]
    recorded = [
        number
        for collations, number in used
        if any(
            catalog.server.version >= _DEFAULT_IS_RECORDED or catalog.collations[c].provider != "d" for c in collations
        )
    ]
    return Scope(checked=sum(recorded), total=sum(number for collations, number in used if collations))


def _draft(catalog: Catalog, drift: CollationDrift) -> Draft:
    collation = catalog.collations[drift.collation]
    database = quote(catalog.server.database)
    name = qualified(collation.schema, collation.name)
    indexes = [
        index
        for index in catalog.rows(Index)
        if index.kind == "i" and index.usable and drift.collation in _collations(catalog, index)
    ]
    refresh = (
        f"alter database {database} refresh collation version;"
        if drift.is_default
        else f"alter collation {name} refresh version;"
    )
    return Draft(
        object=f"database {database}" if drift.is_default else name,
        detail=f"version {drift.recorded} is recorded, the library's is {drift.actual}; {_said(catalog, indexes)}",
        severity=None if indexes else Severity.INFO,
        verify=statement("version_of_default_collation", catalog.server.database)
        if drift.is_default
        else statement("version_of_collation", name),
        fix=_fix(catalog, indexes, refresh),
    )


def _collations(catalog: Catalog, index: Index) -> frozenset[int]:
    """Return the collations by which an index is in order."""
    if index.method in _METHODS_WITHOUT_ORDER:
        return frozenset()
    return frozenset(
        collation
        for collation, opclass in zip(index.collations, index.opclasses, strict=False)
        if collation and catalog.operator_classes[opclass].name not in _PATTERN_CLASSES
    )


def _said(catalog: Catalog, indexes: list[Index]) -> str:
    """Say which indexes depend on it, the unique ones first: they let duplicates in."""
    if not indexes:
        return "no index depends on it"
    first = sorted(indexes, key=lambda index: (not index.is_unique, catalog.index_name(index)))
    names = ", ".join(catalog.index_name(index) for index in first[:_NAMED])
    more = f" and {len(indexes) - _NAMED} more" if len(indexes) > _NAMED else ""
    unique = sum(index.is_unique for index in indexes)
    kinds = f"{unique} of them unique: " if unique else ""
    number = counted(len(indexes), "index depends", "indexes depend")
    return f"{number} on it, {kinds}{names}{more}"


def _fix(catalog: Catalog, indexes: list[Index], refresh: str) -> Fix:
    rebuilt = [fix for index in indexes if (fix := rebuild_index(catalog, index))]
    locks = " ".join(dict.fromkeys(fix.locks for fix in rebuilt if fix.locks)) or REBUILD_LOCKS
    return Fix("\n".join([*(fix.sql for fix in rebuilt), refresh]), None, locks if rebuilt else None)
