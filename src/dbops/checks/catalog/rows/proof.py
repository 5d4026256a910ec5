"""What a constraint says that nobody has proved."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("unproven_constraints")
class UnprovenConstraint(NamedTuple):
    """A constraint that rows may violate, of a table or (`is_domain`) of a domain, named by `schema` and `owner`.

    `type` is c (check), f (foreign key) or n (NOT NULL, a constraint since 18). Either it was never `validated`, or it
    is not `enforced` (18), or triggers of the foreign key are disabled. Where `inherited`, it belongs to the constraint
    of a partitioned table and is only listed for its triggers.
    """

    schema: str
    owner: str
    is_domain: bool
    is_partitioned: bool
    inherited: bool
    name: str
    type: str
    validated: bool
    enforced: bool
    triggers_disabled: bool
    definition: str
