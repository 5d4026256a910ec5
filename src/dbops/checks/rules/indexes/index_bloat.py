"""An index is mostly air.

## What it detects

B-tree indexes of 10 MiB and more of which at least half would be gone if they were built anew. How large a fresh one
would be is an estimate: entries as last counted by VACUUM or ANALYZE, times their average width in pg_stats, filled to
the fill factor.

## Why it matters

The air is cached, vacuumed, backed up and replicated with the rest, and every scan reads more pages than it has to.

## How to fix

Build the index anew with the statement of the finding; it needs room for the new one beside the old one while it runs.
If the air comes back, look for what makes it: long transactions, or autovacuum that does not keep up.

## What it does not see

The estimate is good to about a tenth for keys of fixed width, worse for texts whose lengths differ much. It does not
know that PostgreSQL stores equal keys once, so an index with many of them has more air than it says. After a large
change it is stale until VACUUM or ANALYZE. Indexes on columns that this role may not read are not judged, nor others
than B-trees. pgstattuple measures what this estimates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    Constraint,
    Index,
    IndexSpace,
    OperatorClass,
    Relation,
    TableColumns,
)
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import rebuild_index
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.structure import shape, signature
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
    needs=[Relation, TableColumns, Index, IndexSpace, OperatorClass, Collation],
    refines=[Constraint],
)

# Random inserts alone leave a B-tree about two thirds full, which is a quarter less than a fresh one: that is no fault.
LEAST_PERCENT = 50
# From here on it is worth somebody's evening.
LARGE_BYTES = 1024**3


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each large index that would be half its size, or less, if it were built anew."""
    spaces = catalog.rows(IndexSpace)
    for space in spaces:
        index = catalog.indexes.get(space.index_oid)
        if index and space.pages_fresh is not None and _air(space) * 100 >= LEAST_PERCENT * space.pages:
            yield _draft(catalog, index, space)
    if spaces and all(space.pages_fresh is None for space in spaces):
        raise RuleSkippedError(
            "there are no statistics, or none that this role may see, of"
            f" {counted(len(spaces), 'large index', 'large indexes')}",
            hint=f"grant pg_read_all_data to {quote(catalog.server.user)}; (new in 14); or run ANALYZE if nobody has",
        )


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001
    """Count the large B-trees, all but those without statistics were judged."""
    spaces = catalog.rows(IndexSpace)
    return Scope(checked=sum(space.pages_fresh is not None for space in spaces), total=len(spaces))


def _air(space: IndexSpace) -> int:
    return space.pages - (space.pages_fresh or 0)


def _draft(catalog: Catalog, index: Index, space: IndexSpace) -> Draft:
    table = catalog.relations[index.table]
    air = _air(space) * space.page_bytes
    return Draft(
        object=catalog.index_name(index),
        subject=qualified(table.schema, table.name),
        detail=f"{shape(catalog, index).spelled()}: about {size(air)} of {size(space.pages * space.page_bytes)} is air"
        f" ({100 * _air(space) // space.pages} %, estimated to within a tenth or so; pgstattuple measures it)",
        signature=(signature(catalog, index),),
        severity=Severity.WARNING if air >= LARGE_BYTES else None,
        verify=statement("space_of_index", catalog.index_name(index)),
        fix=rebuild_index(catalog, index),
    )
