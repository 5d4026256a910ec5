"""A declared critical index exists but cannot be used.

## What it detects

An expectation that is satisfied in structure only by an index that is invalid or not ready: left behind by an
interrupted CREATE INDEX CONCURRENTLY, a partitioned index of which a partition lacks its part, or one that is being
built right now (the finding then says how far it has come).

## Why it matters

The index is there for everybody who looks for its name, writers keep it up to date, and no query uses it.

## How to fix

Build it anew with the statement of the finding. While it is being built, wait. A unique index may fail again on the
duplicates that made it invalid: find them first.

## What it does not see

How far a build has come that another role started, unless this role has pg_read_all_stats: such an index is reported as
not ready, and rebuilding it would collide with the build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    Constraint,
    Index,
    IndexBuild,
    OperatorClass,
    Relation,
    TableColumns,
)
from dbops.checks.declarations import require_anything_declared, require_looked_at, spelled_expectation
from dbops.checks.expectations import Outcome, match_indexes
from dbops.checks.remediation import rebuild_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.ERROR,
    needs=[Relation, TableColumns, Index, OperatorClass, Collation],
    refines=[Constraint, IndexBuild],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each expectation that only an unusable index satisfies."""
    require_anything_declared(policy)
    for match in match_indexes(catalog, policy):
        if match.outcome not in {Outcome.INVALID, Outcome.BUILDING} or not match.wanted or not match.index:
            continue
        value = match.value
        yield Draft(
            object=match.object,
            detail=spelled_expectation(value, match.detail),
            signature=(match.wanted.shape(catalog).spelled(),),
            severity=value.severity,
            why=value.reason or None,
            verify=statement("indexes_of_table", match.object),
            fix=rebuild_index(catalog, match.index) if match.outcome is Outcome.INVALID else None,
            location=match.declared.location,
            expectation=value.id,
        )
    require_looked_at(catalog, [declared.value.table for declared in policy.expected_indexes])
