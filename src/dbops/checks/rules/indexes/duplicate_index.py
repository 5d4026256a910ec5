"""Two indexes of a table are the same.

## What it detects

Indexes of one table with the same method, the same keys (columns or expressions, in order, with operator class,
collation and direction), the same predicate and the same included columns, of which at least one has no duty of its
own: it backs no constraint, is not what a foreign key refers to, not the replica identity, not what the table is
clustered by, and refuses no row that the others accept. Names and storage parameters play no part. Parts of a
partitioned index are judged with it, never on their own. One finding for each group.

## Why it matters

Each of them is written on every insert and most updates, is vacuumed, cached and backed up, and only one is of use.

## How to fix

Drop the surplus with the statement of the finding; the undo brings it back. The one to keep is chosen in this order:
backs a constraint, unique, replica identity, clustered, more scans, smaller, name.

## What it does not see

Indexes that are the beginning of another: those are a trade-off, not a duplicate (`redundant-index`). Hints and code
that name an index.
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
    TableColumns,
)
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import Fix, drop_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import shape
from dbops.checks.surplus import duplicates
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[Relation, TableColumns, Index, Constraint, OperatorClass, Collation, EqualityFamilies],
    refines=[IndexActivity],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each group of indexes that are the same, where one of them can go."""
    for group in duplicates(catalog, policy):
        yield _draft(catalog, *group)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001  (every rule has this signature)
    """Every usable index."""
    indexes = catalog.rows(Index)
    return Scope(checked=sum(index.usable for index in indexes), total=len(indexes))


def _draft(catalog: Catalog, kept: tuple[Index, ...], surplus: tuple[Index, ...]) -> Draft:
    table = catalog.relations[kept[0].table]
    names = " and ".join(quote(index.name) for index in surplus)
    drops = [drop_index(catalog, index) for index in surplus]
    same = shape(catalog, surplus[0])
    return Draft(
        object=qualified(table.schema, table.name),
        detail=f"{names} {'repeats' if len(surplus) == 1 else 'repeat'} {quote(kept[0].name)}: {same.spelled()}",
        signature=(same._replace(settings=(), tablespace=None, unique=False).spelled(),),
        verify=statement("indexes_of_table", qualified(table.schema, table.name)),
        fix=Fix(
            "\n".join(drop.sql for drop in drops),
            "\n".join(drop.undo for drop in drops if drop.undo),
            drops[0].locks,
        ),
    )
