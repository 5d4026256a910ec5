"""A declared critical index does not exist.

## What it detects

An expectation (`[[expect.index]]` in `dbops.toml`, or one of a listed pack) that no index of its table satisfies, and
an expectation whose table or columns do not exist. Matching is structural: columns and expressions in their order,
direction, uniqueness, method, predicate, included columns. The name of an index plays no part. With `match = "prefix"`
a longer index will do, unless the expectation is unique. A partitioned table needs the index on itself, so that every
partition to come has it too.

## Why it matters

Somebody declared that this index must exist, because a job that the business depends on reads the table through it:
without it, that job reads the whole table, and gets slower with every row.

## How to fix

Run the statement of the finding; it builds the index beside running reads and writes. If the expectation names a table
or a column that does not exist, correct the expectation or the migration that should have made it.

## What it does not see

Whether queries really use the index (`[[expect.query]]` is for that). Predicates and expressions are compared in one
normal form and, where that does not settle it and a throw-away server of the same major version can be had, as that
server prints them; one predicate is never proven to imply another.
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
    ServerForm,
    TableColumns,
)
from dbops.checks.declarations import require_anything_declared, require_looked_at, spelled_expectation
from dbops.checks.expectations import Match, Outcome, match_indexes
from dbops.checks.remediation import create_index
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.ERROR,
    needs=[Relation, TableColumns, Index, OperatorClass, Collation],
    refines=[Constraint, IndexBuild, ServerForm],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each expectation that nothing satisfies."""
    require_anything_declared(policy)
    for match in match_indexes(catalog, policy):
        if match.outcome in {Outcome.MISSING, Outcome.UNKNOWN}:
            yield _draft(catalog, match)
    require_looked_at(catalog, [declared.value.table for declared in policy.expected_indexes])


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the declared indexes, all but those whose table is busy were looked for."""
    looked_for = [match for match in match_indexes(catalog, policy) if match.outcome is not Outcome.BUSY]
    return Scope(checked=len(looked_for), total=len(policy.expected_indexes))


def _draft(catalog: Catalog, match: Match) -> Draft:
    value, wanted = match.value, match.wanted
    return Draft(
        object=match.object,
        detail=spelled_expectation(value, match.detail),
        signature=(wanted.shape(catalog).spelled(),) if wanted else ("unknown", value.id),
        severity=value.severity,
        why=value.reason or None,
        verify=statement("indexes_of_table", match.object) if wanted else None,
        fix=create_index(catalog, wanted.shape(catalog), value.name) if wanted else None,
        location=match.declared.location,
        expectation=value.id,
    )
