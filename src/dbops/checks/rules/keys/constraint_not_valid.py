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
which checks new rows from then on, and validated afterwards. Where "not enforced" is meant as documentation, say so in
a waiver.

## What it does not see

Whether there are rows that violate it; counting them would read the table. Rows that came in while a session had
`session_replication_role` set to replica leave no trace in the catalog. Exclusion constraints and unique keys are
always valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import UnprovenConstraint
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import Fix
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.WARNING, needs=[UnprovenConstraint])

VALIDATE_LOCKS = (
    "SHARE UPDATE EXCLUSIVE on the table while it is read (for a foreign key ROW SHARE on the other table): reads and"
    " writes go on. Nothing is rewritten."
)
VALIDATE_DOMAIN_LOCKS = "SHARE on every table with a column of the domain while it is read: writes wait."
AGAIN_LOCKS = (
    "ACCESS EXCLUSIVE on the table (for a foreign key on both) for an instant, nothing is read or rewritten; then the"
    " second statement reads the table under SHARE UPDATE EXCLUSIVE, and reads and writes go on."
)
AGAIN_READING_LOCKS = (
    "ACCESS EXCLUSIVE on both tables while every row is checked: reads and writes wait. A partitioned table takes no"
    " foreign key that is NOT VALID before PostgreSQL 18."
)
TRIGGER_LOCKS = "SHARE ROW EXCLUSIVE for an instant: writes wait. The table's own triggers are enabled too."

_KINDS = {"c": "check", "f": "foreign key", "n": "NOT NULL constraint"}
_UNPROVEN = (" NOT VALID", " NOT ENFORCED")
_NOT_VALID_KEYS_ON_PARTITIONED = 180_000


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each constraint that rows may violate."""
    for constraint in catalog.rows(UnprovenConstraint):
        name = qualified(constraint.schema, constraint.owner)
        yield Draft(
            object=name,
            detail=f"{_KINDS[constraint.type]} {quote(constraint.name)} {_state(constraint)}",
            signature=(_plain(constraint),),
            verify=statement("unproven_constraints_of", name),
            fix=_fix(constraint, name, catalog.server.version),
        )


def _state(constraint: UnprovenConstraint) -> str:
    if constraint.triggers_disabled:
        return "is not checked: its triggers are disabled, and rows that came in since are not looked at again"
    if not constraint.enforced:
        return "is not enforced: no row is checked against it, neither old nor new"
    return "was never validated: rows from before it may violate it"


def _plain(constraint: UnprovenConstraint) -> str:
    """Return the definition without what says that it is unproven."""
    text = constraint.definition
    for suffix in _UNPROVEN:
        text = text.removesuffix(suffix)
    return text


def _fix(constraint: UnprovenConstraint, name: str, server_version: int) -> Fix:
    if constraint.triggers_disabled and constraint.inherited:
        return Fix(f"alter table {name} enable trigger all;", f"alter table {name} disable trigger all;", TRIGGER_LOCKS)
    if constraint.triggers_disabled or not constraint.enforced:
        return _make_again(constraint, name, server_version)
    kind = "domain" if constraint.is_domain else "table"
    return Fix(
        f"alter {kind} {name} validate constraint {quote(constraint.name)};",
        locks=VALIDATE_DOMAIN_LOCKS if constraint.is_domain else VALIDATE_LOCKS,
    )


def _make_again(constraint: UnprovenConstraint, name: str, server_version: int) -> Fix:
    """Return what replaces a constraint by one that holds; ALTER CONSTRAINT … ENFORCED would read under the lock."""
    own = quote(constraint.name)
    replace = f"alter table {name} drop constraint {own}, add constraint {own} {{}};"
    undo = None if constraint.enforced else replace.format(constraint.definition)
    if constraint.type == "f" and constraint.is_partitioned and server_version < _NOT_VALID_KEYS_ON_PARTITIONED:
        return Fix(replace.format(_plain(constraint)), undo, AGAIN_READING_LOCKS)
    validate = f"alter table {name} validate constraint {own};"
    return Fix(f"{replace.format(_plain(constraint) + ' not valid')}\n{validate}", undo, AGAIN_LOCKS)
