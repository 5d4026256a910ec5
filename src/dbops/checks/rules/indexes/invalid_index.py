"""An index is invalid.

## What it detects

Indexes that are not valid, not ready or not live, minus those that are being built right now. Most are left behind by a
CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY (`_ccnew`, `_ccold`) that failed or was cancelled.

## Why it matters

Writers keep such an index up to date, or at least pay for its name, and no query ever uses it.

## How to fix

Drop it where another index does the same, or begins with the same and goes on, or where it is a leftover of REINDEX;
else build it anew. A unique index may fail again on the duplicates that made it invalid: find them first.

## What it does not see

Builds of other roles show only that they run, unless this role has pg_read_all_stats; while one runs, the finding says
so and offers no statement. A partitioned index that lacks parts is not broken but incomplete: with its invalid parts
it is reported by `partitioned-index-incomplete`. An invalid index that a declared expectation waits for is reported
there, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    Constraint,
    EqualityFamilies,
    Index,
    IndexBuild,
    OperatorClass,
    Relation,
    TableColumns,
)
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import Fix, drop_index, rebuild_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import shape, signature
from dbops.checks.unusable import Cure, cures
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[Relation, TableColumns, Index, IndexBuild, Constraint, OperatorClass, Collation, EqualityFamilies],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each index that is there and of no use."""
    maybe_building = any(build.index_oid is None for build in catalog.rows(IndexBuild))
    for cure in cures(catalog, policy).values():
        if cure.index.kind == "i":
            yield _draft(catalog, cure, maybe_building=maybe_building)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001  (every rule has this signature)
    """Every index that is not partitioned."""
    indexes = catalog.rows(Index)
    return Scope(checked=sum(index.kind == "i" for index in indexes), total=len(indexes))


def _draft(catalog: Catalog, cure: Cure, *, maybe_building: bool) -> Draft:
    index = cure.index
    table = catalog.relations[index.table]
    name = catalog.index_name(index)
    constraint = catalog.backed_constraints.get(index.oid)
    said, fix = _unknown_build() if maybe_building else (cure.said, _fix(catalog, cure))
    backed = f"; it backs the constraint {quote(constraint.name)}" if constraint else ""
    return Draft(
        object=name,
        subject=qualified(table.schema, table.name),
        detail=f"{_state(index)}{backed}; {shape(catalog, index).spelled()}; {said}",
        signature=(signature(catalog, index),),
        severity=Severity.ERROR if constraint else None,
        verify=statement("state_of_index", name),
        fix=fix,
    )


def _unknown_build() -> tuple[str, Fix | None]:
    return "another role is building an index here, perhaps this one: grant pg_read_all_stats to tell", None


def _state(index: Index) -> str:
    if not index.live:
        return "is being dropped, or was when the drop was interrupted"
    return "is not ready and not written" if not index.ready else "is invalid"


def _fix(catalog: Catalog, cure: Cure) -> Fix | None:
    return (drop_index if cure.drop else rebuild_index)(catalog, cure.index)
