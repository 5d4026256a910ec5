"""A declared constraint does not exist, or rows may violate it.

## What it detects

An expectation (`[[expect.constraint]]`) that no constraint of its table satisfies, and an expectation whose table or
columns do not exist. Matching is structural: the kind, the columns in any order, for a foreign key the columns it
refers to, one by one, and what it does on delete where that is declared; for a check its expression, for an exclusion
its method, operators and predicate. The name plays no part; if it belongs to another constraint, the finding says so. A
unique index does for `unique` unless it is partial, and so does a primary key. `references_columns` defaults to the
primary key. A constraint that was never validated, is not enforced or lost its triggers satisfies nothing, unless the
expectation says `validated = false` or `enforced = false`.

## Why it matters

Somebody declared that rows must obey this rule, because code relies on it. What the database does not enforce, some
row will violate one day, and whatever reads it then is wrong without an error.

## How to fix

Run the statements of the finding. They build a key beside running reads and writes, and add foreign keys and checks as
not valid before they validate them. If a row violates the constraint, the last statement fails and says so; mend the
row and repeat. A table that already has another primary key, a referenced table without a unique key on the columns,
and a check that is only declared by its columns are left to you.

## What it does not see

Whether a constraint that says something else implies the declared one. Expressions are compared in one normal form and,
where that does not settle it and a throw-away server of the same major version can be had, as that server prints them.
Rules that are kept by triggers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import (
    Collation,
    Constraint,
    Index,
    OperatorClass,
    Relation,
    ServerForm,
    TableColumns,
    UnprovenConstraint,
)
from dbops.checks.constraining import add_constraint
from dbops.checks.declarations import is_busy, require_anything_declared, require_looked_at, spelled_expectation
from dbops.checks.expected_constraints import ConstraintMatch, State, match_constraints
from dbops.checks.proof import prove_covered, state
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.settings import ExpectedConstraint

RULE = Rule(
    severity=Severity.ERROR,
    needs=[Relation, TableColumns, Constraint, UnprovenConstraint, Index, OperatorClass, Collation],
    refines=[ServerForm],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each expectation that no constraint satisfies."""
    require_anything_declared(policy)
    for match in match_constraints(catalog, policy):
        if match.state in {State.MISSING, State.UNKNOWN, State.UNPROVEN}:
            yield _draft(catalog, match)
    require_looked_at(catalog, [_table(catalog, declared.value) for declared in policy.expected_constraints])


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the declared constraints; all but those of busy tables were looked for."""
    looked_for = [match for match in match_constraints(catalog, policy) if match.state is not State.BUSY]
    return Scope(checked=len(looked_for), total=len(policy.expected_constraints))


def _table(catalog: Catalog, value: ExpectedConstraint) -> str:
    """Return the table that an expectation needs to be looked at; of two the one that cannot."""
    return value.references if value.references and is_busy(catalog, value.references) else value.table


def _draft(catalog: Catalog, match: ConstraintMatch) -> Draft:
    value, wanted = match.declared.value, match.wanted
    detail = match.detail
    if match.unproven and wanted:
        detail = f"{wanted.spelled(catalog)} is there as {detail}, which {state(match.unproven)}"
    return Draft(
        object=match.object,
        detail=spelled_expectation(value, detail),
        signature=(wanted.spelled(catalog),) if wanted else ("unknown", value.id),
        severity=value.severity,
        why=value.reason or None,
        verify=statement("constraints_of_table", match.object) if wanted else None,
        fix=prove_covered(catalog, match.unproven) if match.unproven else add_constraint(catalog, match),
        location=match.declared.location,
        expectation=value.id,
    )
