"""Declared constraints against the snapshot: matched by what they say, never by name.

For each expectation there is one `ConstraintMatch`. The first that holds: the table or a column is unknown; a
constraint that says the same is there and proved; one is there that rows may violate; none is there. A unique index
that is neither partial nor on an expression keeps rows as unique as a constraint does, and a primary key is unique as
well. What it does not do: prove that one check implies another.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbops.checks.catalog import Index, UnprovenConstraint
from dbops.checks.declarations import UnknownNameError, canonical_name, column_of, is_busy, relation_of, unknown_column
from dbops.checks.names import qualified, quote
from dbops.checks.structure import spelled_columns
from dbops.checks.typed import Use, is_same, server_form
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Constraint, Relation
    from dbops.checks.expectations import Same
    from dbops.checks.policy import Declared, Policy
    from dbops.settings import ExpectedConstraint

_NEAREST = 2
# The types in the catalog that satisfy a kind, the very one first.
_TYPES = {"pk": "p", "unique": "up", "fk": "f", "check": "c", "exclude": "x"}
Action = Literal["no action", "restrict", "cascade", "set null", "set default"]
_ACTIONS: dict[str, Action] = {"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}
_MATCHES = {"f": " match full", "p": " match partial"}
_KEYWORD = re.compile(r"\s*(?:check|exclude)\b\s*", re.IGNORECASE)
# What the server prints after the expression of a check.
_AFTER_CHECK = (" NOT VALID", " NOT ENFORCED", " NO INHERIT")


class State(enum.Enum):
    """How an expectation fares."""

    OK = enum.auto()
    UNPROVEN = enum.auto()
    MISSING = enum.auto()
    UNKNOWN = enum.auto()
    BUSY = enum.auto()


@dataclass(frozen=True, slots=True)
class WantedConstraint:
    """An expectation, its names resolved against the snapshot."""

    value: ExpectedConstraint
    table: Relation
    columns: tuple[int, ...]
    foreign: Relation | None = None
    foreign_columns: tuple[int, ...] = ()

    @property
    def use(self) -> Use:
        """What its expression is for."""
        return Use.EXCLUDE if self.value.kind == "exclude" else Use.CHECK

    @property
    def expression(self) -> str | None:
        """The expression as typed, without the keyword before it."""
        return without_keyword(self.value.expression) if self.value.expression else None

    def spelled(self, catalog: Catalog) -> str:
        """Return the constraint as ALTER TABLE takes it, as far as it is declared."""
        columns = spelled_columns(catalog.column_names(self.table.oid, self.columns))
        match self.value.kind:
            case "pk":
                return f"primary key {columns}"
            case "unique":
                return f"unique {columns}"
            case "check":
                return f"check ({self.expression})" if self.expression else f"check on {columns}"
            case "exclude":
                return f"exclude {self.expression}" if self.expression else f"exclude on {columns}"
        return f"foreign key {columns}{self._references(catalog)}"

    def _references(self, catalog: Catalog) -> str:
        if self.foreign is None:
            return ""
        columns = spelled_columns(catalog.column_names(self.foreign.oid, self.foreign_columns))
        text = f" references {qualified(self.foreign.schema, self.foreign.name)} {columns}"
        on_delete = self.value.on_delete
        return text + (f" on delete {on_delete}" if on_delete and on_delete != "no action" else "")


@dataclass(frozen=True, slots=True)
class ConstraintMatch:
    """What became of one expectation.

    `unproven` is the constraint that would satisfy it, `near` one that differs in nothing but what it does on delete.
    """

    declared: Declared[ExpectedConstraint]
    state: State
    object: str
    detail: str = ""
    wanted: WantedConstraint | None = None
    unproven: UnprovenConstraint | None = None
    near: Constraint | None = None


def match_constraints(catalog: Catalog, policy: Policy) -> tuple[ConstraintMatch, ...]:
    """Return the outcome of every expected constraint, in the order declared; worked out once for a snapshot."""
    return catalog.once(
        ("expected constraints", policy.expected_constraints),
        lambda: tuple(_match(catalog, declared) for declared in policy.expected_constraints),
    )


def _match(catalog: Catalog, declared: Declared[ExpectedConstraint]) -> ConstraintMatch:
    value = declared.value
    name = canonical_name(value.table)
    if is_busy(catalog, value.table) or (value.references and is_busy(catalog, value.references)):
        return ConstraintMatch(declared, State.BUSY, name)
    try:
        wanted = resolve(catalog, value)
    except UnknownNameError as unknown:
        return ConstraintMatch(declared, State.UNKNOWN, name, str(unknown))
    judged = [(differences(catalog, wanted, there), there) for there in candidates(catalog, wanted)]
    doubts = [_doubt(catalog, wanted, there) for missing, there in judged if not missing]
    if _unique_by_index(catalog, wanted) or any(doubt is None for doubt in doubts):
        return ConstraintMatch(declared, State.OK, name, wanted=wanted)
    if doubt := next(filter(None, doubts), None):
        return ConstraintMatch(declared, State.UNPROVEN, name, quote(doubt.name), wanted, doubt)
    if wanted.expression and (lacking := unknown_column(catalog, wanted.table, [wanted.expression])):
        return ConstraintMatch(declared, State.UNKNOWN, name, lacking)
    only = f"on delete {value.on_delete}"
    near = next((there for missing, there in judged if len(missing) == 1 and missing[0].endswith(only)), None)
    return ConstraintMatch(declared, State.MISSING, name, _absence(catalog, wanted, judged), wanted, near=near)


# Resolving what was declared


def resolve(catalog: Catalog, value: ExpectedConstraint) -> WantedConstraint:
    """Return an expectation with its tables and columns found; UnknownNameError says which one is not there."""
    table = _table(catalog, value.table)
    columns = tuple(column_of(catalog, table, text) for text in value.columns)
    if value.kind != "fk" or value.references is None:
        return WantedConstraint(value, table, columns)
    foreign = _table(catalog, value.references)
    if value.references_columns:
        return WantedConstraint(
            value,
            table,
            columns,
            foreign,
            tuple(column_of(catalog, foreign, text) for text in value.references_columns),
        )
    key = next((key for key in catalog.constraints_of(foreign.oid) if key.type == "p"), None)
    if key is None or len(key.columns) != len(columns):
        what = "no primary key" if key is None else f"a primary key of {counted(len(key.columns), 'column')}"
        raise UnknownNameError(f"{canonical_name(value.references)} has {what}: name references_columns")
    return WantedConstraint(value, table, columns, foreign, key.columns)


def _table(catalog: Catalog, text: str) -> Relation:
    relation = relation_of(catalog, text)
    if relation.kind not in {"r", "p", "f"}:
        raise UnknownNameError(f"{qualified(relation.schema, relation.name)} is not a table, so it has no constraints")
    return relation


# Comparing


def candidates(catalog: Catalog, wanted: WantedConstraint) -> list[Constraint]:
    """Return the constraints of the table that are of a kind which can satisfy the expectation, the very one first."""
    types = _TYPES[wanted.value.kind]
    found = [one for one in catalog.constraints_of(wanted.table.oid) if one.type in types]
    return sorted(found, key=lambda one: (types.index(one.type), one.name))


def differences(catalog: Catalog, wanted: WantedConstraint, there: Constraint, same: Same = is_same) -> tuple[str, ...]:
    """Return in what a constraint is not the one that is wanted, nothing if it is; `same` compares expressions."""
    return tuple(_each_difference(catalog, wanted, there, same))


def _each_difference(catalog: Catalog, wanted: WantedConstraint, there: Constraint, same: Same) -> Iterator[str]:
    if wanted.columns and set(wanted.columns) != set(there.columns):
        names = dict.fromkeys(catalog.column_names(there.table, filter(None, there.columns)))
        yield f"it is on {spelled_columns(tuple(names))}"
    elif wanted.foreign and there.foreign_table == wanted.foreign.oid:
        pairs = set(zip(wanted.columns, wanted.foreign_columns, strict=True))
        if pairs != set(zip(there.columns, there.foreign_columns, strict=True)):
            names = dict.fromkeys(catalog.column_names(wanted.foreign.oid, there.foreign_columns))
            yield f"it refers to {spelled_columns(tuple(names))}"
    if wanted.foreign and there.foreign_table != wanted.foreign.oid:
        yield f"it refers to {catalog.name_of(there.foreign_table or 0)}"
    if wanted.value.on_delete and _ACTIONS.get(there.on_delete) != wanted.value.on_delete:
        yield f"it says on delete {_ACTIONS.get(there.on_delete)}, not on delete {wanted.value.on_delete}"
    if wanted.expression and not same(catalog, wanted.table, wanted.use, wanted.expression, printed_expression(there)):
        yield f"it says {printed_expression(there)}"


def printed_expression(there: Constraint) -> str:
    """Return the expression of a check or an exclusion as the server prints it."""
    text = there.definition or ""
    for suffix in _AFTER_CHECK:
        text = text.removesuffix(suffix)
    return without_keyword(text)


def on_delete(there: Constraint) -> Action | None:
    """Return what a foreign key does on delete, None where that is the default."""
    return _ACTIONS[there.on_delete] if there.on_delete != "a" else None


def without_keyword(text: str) -> str:
    """Return an expression without the CHECK or EXCLUDE before it."""
    return _KEYWORD.sub("", text, count=1)


def _doubt(catalog: Catalog, wanted: WantedConstraint, there: Constraint) -> UnprovenConstraint | None:
    """Return why rows may violate a constraint that says what is wanted, None if none may, or it was not asked."""
    doubts = catalog.once(
        "unproven constraints",
        lambda: {
            (one.schema, one.owner, one.name): one for one in catalog.rows(UnprovenConstraint) if not one.is_domain
        },
    )
    found = doubts.get((wanted.table.schema, wanted.table.name, there.name))
    if found is None:
        return None
    inert = not found.enforced or found.triggers_disabled
    asked = wanted.value.enforced if inert else wanted.value.validated
    return found if asked else None


def _unique_by_index(catalog: Catalog, wanted: WantedConstraint) -> Index | None:
    """Return an index that keeps the columns unique without being a constraint."""
    if wanted.value.kind != "unique":
        return None
    return next((index for index in catalog.indexes_of(wanted.table.oid) if keeps_unique(index, wanted.columns)), None)


def keeps_unique(index: Index, columns: tuple[int, ...]) -> bool:
    """Return whether a usable index refuses every second row with the same values in just these columns."""
    keys = index.columns[: index.key_count]
    return (
        index.is_unique
        and index.usable
        and index.predicate is None
        and len(keys) == len(columns)
        and set(keys) == set(columns)
    )


# In words


def spelled(catalog: Catalog, there: Constraint) -> str:
    """Return an existing constraint as ALTER TABLE takes it, without what says that it is unproven."""
    if there.definition:
        keyword = "exclude" if there.type == "x" else "check"
        return f"{keyword} {printed_expression(there)}"
    columns = spelled_columns(catalog.column_names(there.table, there.columns))
    if there.type != "f":
        return f"{'primary key' if there.type == 'p' else 'unique'} {columns}"
    foreign = there.foreign_table or 0
    text = f"foreign key {columns} references {catalog.name_of(foreign)}"
    text += (
        f" {spelled_columns(catalog.column_names(foreign, there.foreign_columns))}"
        if foreign in catalog.relations
        else ""
    )
    text += _MATCHES.get(there.match, "")
    for when, action in (("update", there.on_update), ("delete", there.on_delete)):
        text += f" on {when} {_ACTIONS[action]}" if action in _ACTIONS and action != "a" else ""
    if there.deferrable:
        text += " deferrable initially deferred" if there.deferred else " deferrable"
    return text


def _absence(catalog: Catalog, wanted: WantedConstraint, judged: list[tuple[tuple[str, ...], Constraint]]) -> str:
    """Say that nothing satisfies an expectation, what has its name, and what comes nearest."""
    text = f"no constraint {wanted.spelled(catalog)}"
    named = next((one for one in catalog.constraints_of(wanted.table.oid) if one.name == wanted.value.name), None)
    if named:
        text += f"; {quote(named.name)} is something else: {spelled(catalog, named)}"
    akin = sorted(
        ((missing, there) for missing, there in judged if missing and there is not named and _is_akin(wanted, there)),
        key=lambda one: (len(one[0]), one[1].name),
    )
    if akin:
        near = [f"{quote(there.name)}: {', '.join(missing)}" for missing, there in akin[:_NEAREST]]
        text += f"; nearest: {'; '.join(near)}"
    form = server_form(catalog, wanted.table, wanted.use, wanted.expression) if wanted.expression else None
    return text + (f"; compared as text: {form.typed} ({form.problem})" if form and form.problem else "")


def _is_akin(wanted: WantedConstraint, there: Constraint) -> bool:
    return not wanted.columns or bool(set(wanted.columns) & set(there.columns)) or there.type == "p"
