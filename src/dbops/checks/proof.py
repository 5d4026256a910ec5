"""SQL that makes a constraint hold which is there without being proved.

What it does not do: look for the rows that violate it; VALIDATE does, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog.snapshot import ReadFailedError
from dbops.checks.cover import gap, would_cover
from dbops.checks.names import qualified, quote
from dbops.checks.remediation import Fix, create_index
from dbops.checks.structure import Shape

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog, UnprovenConstraint

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

_UNPROVEN = (" NOT VALID", " NOT ENFORCED")
_NOT_VALID_KEYS_ON_PARTITIONED = 180_000


def state(constraint: UnprovenConstraint) -> str:
    """Return what is the matter with a constraint, as the end of a sentence."""
    if constraint.triggers_disabled:
        return "is not checked: its triggers are disabled, and rows that came in since are not looked at again"
    if not constraint.enforced:
        return "is not enforced: no row is checked against it, neither old nor new"
    return "was never validated: rows from before it may violate it"


def plain_definition(constraint: UnprovenConstraint) -> str:
    """Return the definition without what says that it is unproven."""
    text = constraint.definition
    for suffix in _UNPROVEN:
        text = text.removesuffix(suffix)
    return text


def prove_covered(catalog: Catalog, constraint: UnprovenConstraint) -> Fix:
    """Return what makes rows obey a constraint; a foreign key that looks rows up from then on gets its index first."""
    proof = prove(constraint, catalog.server.version)
    try:
        index = _cover(catalog, constraint)
    except ReadFailedError:
        index = None
    if index is None:
        return proof
    undo = "\n".join(filter(None, (proof.undo, index.undo)))
    return Fix(f"{index.sql}\n{proof.sql}", undo, f"{index.locks} Then {proof.locks}")


def _cover(catalog: Catalog, constraint: UnprovenConstraint) -> Fix | None:
    """Return what makes the index that a foreign key will want, None where there is one."""
    if constraint.type != "f" or constraint.enforced:
        return None
    table = catalog.relation_named(constraint.schema, constraint.owner)
    named = catalog.constraints_of(table.oid) if table else ()
    key = next((one for one in named if one.name == constraint.name), None)
    if table is None or key is None or gap(catalog, key) is None:
        return None
    if any(would_cover(catalog, index, key) for index in catalog.indexes_of(table.oid)):
        return None  # `invalid-index` mends it
    columns = catalog.column_names(table.oid, key.columns)
    method = "gist" if key.temporal else "btree"
    return create_index(catalog, Shape(table.oid, tuple(map(quote, columns)), columns, method))


def prove(constraint: UnprovenConstraint, server_version: int) -> Fix:
    """Return what makes rows obey a constraint, old ones and new ones."""
    name = qualified(constraint.schema, constraint.owner)
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
        return Fix(replace.format(plain_definition(constraint)), undo, AGAIN_READING_LOCKS)
    validate = f"alter table {name} validate constraint {own};"
    return Fix(f"{replace.format(plain_definition(constraint) + ' not valid')}\n{validate}", undo, AGAIN_LOCKS)
