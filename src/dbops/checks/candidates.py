"""Indexes that would let a plan find its rows where it now reads a whole table.

A candidate is made of what the scan is filtered by: columns compared for equality first, in the order they stand, then
the order that the first rows are wanted in, or else one column of a range. Rows with `is null` make it partial. The
rules: only for a scan that keeps few of the rows it reads; never where an index of that kind is there already, which
the planner has then declined; a candidate that another one begins with gives way to the longer. Names are found in the
snapshot. What it does not do: try the index (that is for a restored copy), or weigh what writers pay for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import ExpectedPlanNode, PlanNode
from dbops.checks.expressions import Node, NotUnderstoodError, canonical, parse
from dbops.checks.names import NAME_REST, NAME_START, quote, unquote
from dbops.checks.remediation import Fix, create_index, rebuild_index
from dbops.checks.structure import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbops.checks.catalog import Catalog, Index, Relation

# Above this part of the table a scan of the whole is what the planner should choose.
SELECTIVE = 0.1
MAX_EQUAL, MAX_ORDERED = 3, 2

_PARAMETER = re.compile(r"\$\d+")
_RANGES = frozenset({"<", "<=", ">", ">="})
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_FOLDING = frozenset({"lower", "upper"})  # the functions that people look things up by, and that are immutable
_WITHOUT_ORDER = frozenset({"json", "xml", "point", "box", "line", "lseg", "path", "polygon", "circle", "xid", "cid"})
_IDENTIFIER = rf'(?:"(?:[^"]|"")+"|{NAME_START}{NAME_REST})'
_SORT_KEY = re.compile(
    rf"(?:{_IDENTIFIER}\.)?(?P<column>{_IDENTIFIER})(?P<descending> DESC)?(?: NULLS (?P<nulls>FIRST|LAST))?"
)


class Key(NamedTuple):
    """A key of a candidate: a column by number, or `call` of it (lower, upper); and how it is spelled."""

    column: int
    call: str | None
    spelled: str


class Candidate(NamedTuple):
    """An index worth trying: on `table`, `equal` in any order and then `following`, for rows where `where`."""

    table: Relation
    equal: tuple[Key, ...]
    following: tuple[Key, ...]
    where: str | None
    invalid: Index | None  # the same index, there already but unusable

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys in order."""
        return self.equal + self.following

    def shape(self, catalog: Catalog) -> Shape:
        """Return what CREATE INDEX has to make."""
        plain = tuple(key.column for key in self.keys if key.call is None)
        return Shape(
            table=self.table.oid,
            keys=tuple(key.spelled for key in self.keys),
            columns=catalog.column_names(self.table.oid, plain),
            where=self.where,
        )

    def fix(self, catalog: Catalog) -> Fix | None:
        """Return what makes the index."""
        if self.invalid:
            return rebuild_index(catalog, self.invalid)
        return create_index(catalog, self.shape(catalog))


def candidates(catalog: Catalog) -> dict[PlanNode, Candidate]:
    """Return the candidate of each scan that one would help, worked out once for a snapshot."""
    return catalog.once("candidate indexes", lambda: _merged(_each(catalog)))


def scanned_table(catalog: Catalog, node: PlanNode) -> Relation | None:
    """Return the table that a plan reads from start to end, of a partition the whole; None if it reads otherwise."""
    if node.kind != "Seq Scan" or node.schema is None or node.table is None:
        return None
    table = catalog.relation_named(node.schema, node.table)
    while table is not None and table.parent in catalog.relations:
        table = catalog.relations[table.parent]
    return table


def _each(catalog: Catalog) -> Iterator[tuple[PlanNode, Candidate]]:
    for node in (*catalog.rows_if_readable(PlanNode), *catalog.rows_if_readable(ExpectedPlanNode)):
        table = scanned_table(catalog, node)
        if table is not None and is_selective(catalog, node) and (found := _candidate(catalog, table, node)):
            yield node, found


def is_selective(catalog: Catalog, node: PlanNode) -> bool:
    """Return whether a scan keeps few of the rows it reads, or only the first of them are wanted."""
    scanned = catalog.relation_named(node.schema or "", node.table or "")
    if scanned is None or scanned.rows <= 0:
        return False
    return node.rows <= SELECTIVE * scanned.rows or (node.limited and bool(node.sorted_by))


def _merged(found: Iterable[tuple[PlanNode, Candidate]]) -> dict[PlanNode, Candidate]:
    """Return candidates with the longest in place of those that it begins with: one index does for both."""
    by_node = dict(found)
    longest = sorted(by_node.values(), key=lambda one: (-len(one.keys), [key.spelled for key in one.keys]))
    return {node: next(other for other in longest if _does_for(other, one)) for node, one in by_node.items()}


def _does_for(longer: Candidate, shorter: Candidate) -> bool:
    count = len(shorter.keys)
    if longer.table != shorter.table or longer.where != shorter.where or longer.keys[:count] != shorter.keys:
        return False
    return longer.invalid == shorter.invalid or len(longer.keys) > count


# From a filter to keys


def _candidate(catalog: Catalog, table: Relation, node: PlanNode) -> Candidate | None:
    equal, ranged, null = _conditions(catalog, table, node.filter or "")
    ordered = _ordered(catalog, table, node.sorted_by) if node.limited else ()
    equal = equal[:MAX_EQUAL]
    taken = {key.column for key in equal}
    following = tuple(key for key in (ordered or ranged[:1]) if key.column not in taken)
    if not equal and not following:
        return None
    names = [quote(name) for name in catalog.column_names(table.oid, null)]
    where = " and ".join(f"{name} is null" for name in names) or None
    wanted = Candidate(table, tuple(equal), following, where, None)
    alike = [index for index in catalog.indexes_of(table.oid) if _serves(index, wanted)]
    if any(index.usable for index in alike):
        return None
    return wanted._replace(invalid=alike[0] if alike else None)


def _conditions(catalog: Catalog, table: Relation, text: str) -> tuple[list[Key], list[Key], list[int]]:
    """Return the keys that a filter compares for equality, those it bounds, and the columns it wants to be null."""
    equal: dict[Key, None] = {}
    ranged: dict[Key, None] = {}
    null: dict[int, None] = {}
    for arm in conjuncts(text):
        try:
            node = parse(_PARAMETER.sub(lambda found: f"'{found[0]}'", arm))
        except NotUnderstoodError:
            continue
        if node[0] == "is null" and (key := _key(catalog, table, node[1])) and not key.call:
            null[key.column] = None
        elif key := _compared(catalog, table, node, frozenset({"="})):
            equal[key] = None
        elif key := _compared(catalog, table, node, _RANGES):
            ranged[key] = None
    return list(equal), list(ranged), list(null)


def _compared(catalog: Catalog, table: Relation, node: Node, operators: frozenset[str]) -> Key | None:
    """Return what a node compares by one of `operators` with something that is the same for all rows."""
    match node:
        case ("op", operator, left, right) if operator in operators:
            sides = [(left, right), (right, left)]
        case ("in", left, *items) if "=" in operators:
            sides = [(left, ("array", *items))]
        case ("quantified", "=", "any", left, right) if "=" in operators:
            sides = [(left, right)]
        case _:
            return None
    for one, other in sides:
        key = _key(catalog, table, one)
        if key and isinstance(other, tuple) and not _mentions_row(catalog, table, other):
            return key
    return None


def _key(catalog: Catalog, table: Relation, node: str | Node) -> Key | None:
    match node:
        case ("column", str(name)):
            call = None
        case ("call", str(call), ("column", str(name))) if call in _FOLDING:
            pass
        case _:
            return None
    column = catalog.column_named(table.oid, name)
    if column is None or catalog.types[column.type].name in _WITHOUT_ORDER:
        return None
    return Key(column.number, call, f"{call}({quote(name)})" if call else quote(name))


def _mentions_row(catalog: Catalog, table: Relation, node: Node) -> bool:
    """Return whether a node depends on the row; CURRENT_DATE and its kind look like columns, and do not."""
    if node[0] == "column":
        return catalog.column_named(table.oid, str(node[1])) is not None
    return any(_mentions_row(catalog, table, part) for part in node[1:] if isinstance(part, tuple))


def conjuncts(text: str) -> list[str]:
    """Return the conditions that a filter, as EXPLAIN prints it, joins by AND."""
    inner = text.strip()
    if not (inner.startswith("(") and inner.endswith(")")):
        return [text]
    arms: list[str] = []
    depth, start, quoted = 0, 1, ""
    for i, letter in enumerate(inner):
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "'\"":
            quoted = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif depth == 1 and inner.startswith(" AND ", i):
            arms.append(inner[start:i])
            start = i + len(" AND ")
    return [*arms, inner[start:-1]] if arms else [inner]


def _ordered(catalog: Catalog, table: Relation, sorted_by: tuple[str, ...]) -> tuple[Key, ...]:
    """Return the keys of an order, nothing where it is by something else than columns."""
    found: list[tuple[int, str, bool, bool]] = []
    for text in sorted_by[:MAX_ORDERED]:
        match = _SORT_KEY.fullmatch(text)
        column = catalog.column_named(table.oid, unquote(match["column"])) if match else None
        if match is None or column is None or catalog.types[column.type].name in _WITHOUT_ORDER:
            return ()
        descending = bool(match["descending"])
        nulls_first = match["nulls"] == "FIRST" if match["nulls"] else descending
        found.append((column.number, column.name, descending, nulls_first))
    # An index is read from both ends: where all keys run down, with nulls first, the plain index will do.
    mirror = all(descending and nulls_first for _, _, descending, nulls_first in found)
    return tuple(
        Key(number, None, quote(name) + ("" if mirror else _order(descending, nulls_first)))
        for number, name, descending, nulls_first in found
    )


def _order(descending: bool, nulls_first: bool) -> str:  # noqa: FBT001  (two facts of one key)
    text = " desc" if descending else ""
    if nulls_first != descending:
        text += " nulls first" if nulls_first else " nulls last"
    return text


# Against what is there


def _serves(index: Index, wanted: Candidate) -> bool:
    """Return whether an index begins with the keys of a candidate, those compared for equality in any order."""
    if index.method != "btree" and not (index.method == "hash" and len(wanted.keys) == 1 and wanted.equal):
        return False
    if index.predicate is not None and (wanted.where is None or canonical(index.predicate) != canonical(wanted.where)):
        return False
    there = _spelled(index)
    equal, following = [_identity(key) for key in wanted.equal], [_identity(key) for key in wanted.following]
    return sorted(there[: len(equal)]) == sorted(equal) and (
        there[len(equal) : len(equal) + len(following)] == following
    )


def _identity(key: Key) -> tuple[int, str]:
    return (key.column, "") if key.call is None else (0, canonical(key.spelled))


def _spelled(index: Index) -> list[tuple[int, str]]:
    expressions = iter(index.expressions)
    return [
        (column, "") if column else (0, canonical(next(expressions))) for column in index.columns[: index.key_count]
    ]
