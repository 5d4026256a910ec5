"""Something else has the name of a declared critical index.

## What it detects

An expectation that nothing satisfies while its declared `name` belongs to something else in the schema: an index with
other columns, another predicate or another order, an index of another table, or a table or view.

## Why it matters

CREATE INDEX IF NOT EXISTS looks at the name alone, so every migration that means to create this index is content with
what is there, and the index that queries need is never made.

## How to fix

Run the statements of the finding: the right index is built first, under a name of its own; then the one that has the
name goes (or is renamed, where something stands on it), and the right one takes the name. Then correct the migration.

## What it does not see

Decoys of expectations that declare no name, and decoys that stand beside an index of another name that does satisfy the
expectation: those do no harm.
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
    ServerForm,
    TableColumns,
)
from dbops.checks.declarations import require_anything_declared, require_looked_at, spelled_expectation
from dbops.checks.expectations import Match, Outcome, match_indexes
from dbops.checks.names import fresh_name, qualified, quote
from dbops.checks.remediation import Fix, create_index, drop_index, new_name
from dbops.checks.rule import Draft, Rule
from dbops.checks.structure import signature
from dbops.checks.surplus import goes_as_decoy
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.wanted import Wanted

RULE = Rule(
    severity=Severity.ERROR,
    needs=[Relation, TableColumns, Index, Constraint, OperatorClass, Collation, EqualityFamilies],
    refines=[IndexBuild, ServerForm],
)


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each expectation whose name something else has."""
    require_anything_declared(policy)
    for match in match_indexes(catalog, policy):
        if match.outcome is Outcome.DECOY and match.wanted:
            yield _draft(catalog, policy, match, match.wanted)
    require_looked_at(catalog, [declared.value.table for declared in policy.expected_indexes])


def _draft(catalog: Catalog, policy: Policy, match: Match, wanted: Wanted) -> Draft:
    value = match.value
    return Draft(
        object=match.object,
        detail=spelled_expectation(value, match.detail),
        # The name is the point here, so it is part of what the finding is known by.
        signature=(value.name or "", wanted.shape(catalog).spelled()),
        severity=value.severity,
        why=value.reason or None,
        verify=statement("indexes_of_table", match.object),
        fix=_replacement(catalog, policy, match, wanted),
        location=match.declared.location,
        expectation=value.id,
    )


def _replacement(catalog: Catalog, policy: Policy, match: Match, wanted: Wanted) -> Fix:
    """Return what puts the right index in the place of the decoy, without a moment in which neither is there."""
    right = wanted.shape(catalog)
    built = create_index(catalog, right)
    decoy, schema, name = match.index, wanted.table.schema, match.value.name or ""
    if decoy is None:  # a table or view has the name; the index lives under another
        return built
    provisional = qualified(schema, new_name(catalog, wanted.table, right))
    take_over = f"alter index {provisional} rename to {quote(name)};"
    if not goes_as_decoy(catalog, policy, decoy):
        aside = fresh_name(name, ("decoy",), catalog.taken_names(schema), plain=True, shape=signature(catalog, decoy))
        away = Fix(
            f"alter index {qualified(schema, name)} rename to {quote(aside)};",
            f"alter index {qualified(schema, aside)} rename to {quote(name)};",
        )
    else:
        away = drop_index(catalog, decoy)
    undo = f"alter index {qualified(schema, name)} rename to {quote(new_name(catalog, wanted.table, right))};"
    return Fix(
        f"{built.sql}\n{away.sql}\n{take_over}",
        "\n".join(part for part in (undo, away.undo, built.undo) if part),
        f"{built.locks} Renaming takes SHARE UPDATE EXCLUSIVE for an instant.",
    )
