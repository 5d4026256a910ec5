"""What a user declares about a database: expectations, and the findings that are accepted for a while.

The shape only; matching is the work of `checks/expectations.py`. A table, column or role that does not exist is a
finding there, never an error here.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from dbops.settings.table import Name, Names, Table
from dbops.severity import Severity


class WaiverEntry(Table):
    """`[[audit.waive]]`: findings of `rule` on objects matching the glob `object` are accepted until `expires`."""

    rule: Name
    object: Name = "*"
    reason: Name
    owner: Name
    expires: dt.date

    def expired(self, today: dt.date) -> bool:
        """Return whether the waiver has run out; it still holds on its last day."""
        return today > self.expires


class Expectation(Table):
    """What every expectation has: an id of its own, the critical area it belongs to, why, and how bad its absence."""

    id: Name
    group: str = ""
    reason: str = ""
    severity: Severity = Severity.ERROR


class ExpectedIndex(Expectation):
    """`[[expect.index]]`: an index, matched by structure; `name` serves the fix and finds decoys, never the match.

    `columns` may hold expressions and order ("lower(email)", "placed_at desc"); `match = "prefix"` takes a longer one.
    """

    table: Name
    columns: Names = Field(min_length=1)
    unique: bool = False
    where: Name | None = None
    include: Names = ()
    method: Name = "btree"
    match: Literal["exact", "prefix"] = "exact"
    name: Name | None = None


class ExpectedConstraint(Expectation):
    """`[[expect.constraint]]`: a constraint of a table, by kind and columns (or expression), not by name."""

    table: Name
    kind: Literal["pk", "unique", "fk", "check", "exclude"]
    columns: Names = ()
    expression: Name | None = None
    references: Name | None = None
    references_columns: Names = ()
    on_delete: Literal["no action", "restrict", "cascade", "set null", "set default"] | None = None
    validated: bool = True
    enforced: bool = True
    name: Name | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.kind in {"pk", "unique", "fk"} and not self.columns:
            raise ValueError(f"a constraint of kind {self.kind} needs columns")
        if self.kind == "fk" and not self.references:
            raise ValueError("a constraint of kind fk needs references, the table it points to")
        if self.kind in {"check", "exclude"} and not (self.expression or self.columns):
            raise ValueError(f"a constraint of kind {self.kind} needs an expression, or columns")
        if self.references_columns and len(self.references_columns) != len(self.columns):
            raise ValueError("references_columns needs one for each of columns")
        return self


def _named_after(key: str, values: Any) -> Any:
    """Return `values` with an id, taken from `key` where none is given."""
    if isinstance(values, dict) and isinstance(values.get(key), str):
        return {"id": values[key], **values}
    return values


class ExpectedTable(Expectation):
    """`[[expect.table]]`: row-level security of a table, and who must not own it. The id defaults to the table."""

    table: Name
    rls: Literal["forced", "enabled"] | None = None
    owner_not: Names = ()

    @model_validator(mode="before")
    @classmethod
    def _id_is_the_table(cls, values: Any) -> Any:
        return _named_after("table", values)

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if self.rls is None and not self.owner_not:
            raise ValueError("says nothing about the table: give rls or owner_not")
        return self


class ExpectedRole(Expectation):
    """`[[expect.role]]`: powers that a role must or must not have; absent means "not said".

    The id defaults to the role. `owns = false`: the role owns no table, so that row-level security applies to it.
    """

    role: Name
    superuser: bool | None = None
    bypassrls: bool | None = None
    owns: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _id_is_the_role(cls, values: Any) -> Any:
        return _named_after("role", values)

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if self.superuser is None and self.bypassrls is None and self.owns is None:
            raise ValueError("says nothing about the role: give superuser, bypassrls or owns")
        return self


class ExpectedQuery(Expectation):
    """`[[expect.query]]`: a statement whose plan uses an index, or reads no table of `no_seq_scan` sequentially."""

    sql: Name
    uses_index: Name | None = None
    no_seq_scan: Names = ()

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if self.uses_index is None and not self.no_seq_scan:
            raise ValueError("says nothing about the plan: give uses_index or no_seq_scan")
        return self


class Expectations(Table):
    """`[expect]`: everything declared, by kind, in the order of the file."""

    index: tuple[ExpectedIndex, ...] = ()
    constraint: tuple[ExpectedConstraint, ...] = ()
    table: tuple[ExpectedTable, ...] = ()
    role: tuple[ExpectedRole, ...] = ()
    query: tuple[ExpectedQuery, ...] = ()

    def __bool__(self) -> bool:
        return any((self.index, self.constraint, self.table, self.role, self.query))
