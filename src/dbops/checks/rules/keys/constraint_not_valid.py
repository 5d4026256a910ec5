"""A constraint promises what nobody has checked.

## What it detects

Foreign keys, checks and (since PostgreSQL 18) NOT NULL constraints, of tables and of domains, that rows may violate
although they are there. Three states are told apart: added `not valid` and never validated, so the rows from before it
were not looked at; `not enforced` (18), so no row is ever looked at; and a foreign key of which somebody disabled a
trigger, usually `disable trigger all` before a load without the `enable` that belongs after it. Of a partitioned table
it is reported once, on the parent.

## Why it matters

Everybody who reads the table's definition takes the constraint for a fact. A row that breaks it stays until somebody
updates it, and then fails a statement that has nothing to do with the matter; a foreign key without its trigger lets
new orphans in every day. The planner does not rely on such a constraint either.

## How to fix

Validate it: that reads the table while others read and write. If a row violates it, VALIDATE says so and changes
nothing; mend the rows and repeat. A constraint that is not enforced, or lost its triggers, is made anew as not valid,
which checks new rows from then on, and validated afterwards; a foreign key that is enforced looks rows up, and gets
the index for that first. Where "not enforced" is meant as documentation, say so in a waiver.

## What it does not see

Whether there are rows that violate it; counting them would read the table. Rows that came in while a session had
`session_replication_role` set to replica leave no trace in the catalog. Exclusion constraints and unique keys are
always valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    Constraint,
    EqualityFamilies,
    Index,
    OperatorClass,
    Relation,
    TableColumns,
    UnprovenConstraint,
)
from dbops.checks.names import qualified, quote
from dbops.checks.proof import plain_definition, prove_covered, state
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[UnprovenConstraint],
    refines=[Relation, TableColumns, Constraint, Index, OperatorClass, EqualityFamilies, Collation],
)

_KINDS = {"c": "check", "f": "foreign key", "n": "NOT NULL constraint"}


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each constraint that rows may violate."""
    for constraint in catalog.rows(UnprovenConstraint):
        name = qualified(constraint.schema, constraint.owner)
        yield Draft(
            object=name,
            detail=f"{_KINDS[constraint.type]} {quote(constraint.name)} {state(constraint)}",
            signature=(plain_definition(constraint),),
            verify=statement("unproven_constraints_of", name),
            fix=prove_covered(catalog, constraint),
        )
