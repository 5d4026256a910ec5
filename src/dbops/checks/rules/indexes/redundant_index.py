"""An index is the beginning of another index.

## What it detects

A usable index whose keys begin the keys of another usable index of the same table (for methods other than btree: are
its keys), with the same method, predicate, operator classes, collations and directions, and whose included columns the
other one has too. The other one then answers every query that this one answers. Left alone are indexes with a duty of
their own: behind a constraint, referred to by a foreign key, replica identity, clustered by, unique where the longer
one is not, or the last to satisfy a declared expectation. Parts of a partitioned index are judged with it. Exact copies
are for `duplicate-index`.

## Why it matters

It is written on every insert and on most updates, vacuumed, cached and backed up, for little: the longer index is read
instead, somewhat slower where it is much larger. That is a trade-off, hence an info with sizes and scans, no verdict.

## How to fix

Drop it with the statement of the finding, unless a hot query lives on its being small. The undo brings it back.

## What it does not see

Hints and code that name an index. An index that is the beginning of a partial one, or of one with another direction:
those answer fewer queries. How hot a query is; the scans count since the statistics were reset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    Constraint,
    EqualityFamilies,
    Index,
    IndexActivity,
    OperatorClass,
    Relation,
    StatisticsWindow,
    TableColumns,
)
from dbops.checks.names import qualified, quote
from dbops.checks.quantities import PAGE_BYTES, days
from dbops.checks.remediation import drop_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import shape, signature
from dbops.checks.surplus import Redundant, redundant, scans_of, with_parts
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.quantities import counted, size
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.INFO,
    needs=[Relation, TableColumns, Index, Constraint, OperatorClass, Collation, EqualityFamilies],
    refines=[IndexActivity, StatisticsWindow],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each index that is the beginning of one that stays."""
    for found in redundant(catalog, policy):
        yield _draft(catalog, found)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001  (every rule has this signature)
    """Every usable index."""
    indexes = catalog.rows(Index)
    return Scope(checked=sum(index.usable for index in indexes), total=len(indexes))


def _draft(catalog: Catalog, found: Redundant) -> Draft:
    table = catalog.relations[found.index.table]
    name = qualified(table.schema, table.name)
    return Draft(
        object=catalog.index_name(found.index),
        subject=name,
        detail=f"{_figures(catalog, found.index)} does nothing that {_figures(catalog, found.kept)} does not"
        f"{_counted(catalog)}",
        signature=(signature(catalog, found.index),),
        verify=statement("indexes_of_table", name),
        fix=drop_index(catalog, found.index),
    )


def _figures(catalog: Catalog, index: Index) -> str:
    """Return an index with what it costs and what it is used for."""
    pages = sum(part.pages for part in with_parts(catalog, index))
    scans = "" if catalog.failure(IndexActivity) else f", {counted(scans_of(catalog).get(index.oid, 0), 'scan')}"
    return f"{quote(index.name)} {shape(catalog, index).spelled()} ({size(pages * PAGE_BYTES)}{scans})"


def _counted(catalog: Catalog) -> str:
    """Say since when the scans count."""
    known = [w.seconds for w in catalog.rows_if_readable(StatisticsWindow) if w.seconds is not None]
    return f"; scans are counted since {days(known[0])} ago" if known and not catalog.failure(IndexActivity) else ""
