"""A declared index with its names looked up: what CREATE INDEX would have to make.

What it does not do: look at the indexes that are there (`expectations.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.declarations import UnknownNameError, column_of, relation_of
from dbops.checks.expressions import is_enclosed
from dbops.checks.names import NAME_REST, NAME_SPELLING, NAME_START, parse_identifier, qualified, quote
from dbops.checks.structure import Key, Shape, spelled_order
from dbops.checks.typed import Use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Relation
    from dbops.settings import ExpectedIndex

_KEY = re.compile(
    rf"""\s*(?P<body>.+?)
    (?:\s+collate\s+(?P<collation>(?:{NAME_SPELLING})(?:\.(?:{NAME_SPELLING}))?))?
    (?:\s+(?P<opclass>{NAME_START}{NAME_REST}_ops))?
    (?:\s+(?P<order>asc|desc))?
    (?:\s+nulls\s+(?P<nulls>first|last))?\s*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL | re.ASCII,
)


class WantedKey(NamedTuple):
    """A key as declared: a column by number (0 for an expression, as typed), and what was said about its order."""

    column: int
    expression: str | None
    spelled: str
    collation: str | None
    opclass: str | None
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """An expectation, its names resolved against the snapshot."""

    value: ExpectedIndex
    table: Relation
    keys: tuple[WantedKey, ...]
    include: tuple[int, ...]
    predicate: str | None

    def typed(self) -> Iterator[tuple[Use, str]]:
        """Yield the expressions in it, as typed."""
        yield from ((Use.KEY, key.expression) for key in self.keys if key.expression)
        if self.predicate:
            yield Use.PREDICATE, self.predicate

    def shape(self, catalog: Catalog) -> Shape:
        """Return what CREATE INDEX has to make."""
        return Shape(
            table=self.table.oid,
            keys=tuple(key.spelled for key in self.keys),
            columns=catalog.column_names(self.table.oid, (key.column for key in self.keys if key.column)),
            method=self.value.method,
            unique=self.value.unique,
            include=tuple(map(quote, catalog.column_names(self.table.oid, self.include))),
            where=self.value.where,
        )


def resolve(catalog: Catalog, value: ExpectedIndex) -> Wanted:
    """Return an expectation with its table and columns found; UnknownNameError says which one is not there."""
    table = relation_of(catalog, value.table)
    if table.kind not in {"r", "p", "m"}:
        raise UnknownNameError(f"{qualified(table.schema, table.name)} is not a table, so it can have no index")
    return Wanted(
        value=value,
        table=table,
        keys=tuple(_wanted_key(catalog, table, text) for text in value.columns),
        include=tuple(column_of(catalog, table, text) for text in value.include),
        predicate=value.where,
    )


def _wanted_key(catalog: Catalog, table: Relation, text: str) -> WantedKey:
    found = _KEY.fullmatch(text)
    if not found:
        raise UnknownNameError(f"{text!r} is no key of an index")
    body = found["body"]
    descending = (found["order"] or "").lower() == "desc"
    nulls_first = found["nulls"].lower() == "first" if found["nulls"] else descending
    column = column_of(catalog, table, body) if parse_identifier(body) else 0
    spelled = quote(catalog.columns(table.oid)[column].name) if column else _in_parentheses(body)
    spelled += f" collate {found['collation']}" if found["collation"] else ""
    spelled += f" {found['opclass']}" if found["opclass"] else ""
    spelled += spelled_order(Key(column, None, 0, 0, 0, int(descending) | (2 if nulls_first else 0)))
    return WantedKey(
        column=column,
        expression=None if column else body,
        spelled=spelled,
        collation=found["collation"],
        opclass=found["opclass"].lower() if found["opclass"] else None,
        descending=descending,
        nulls_first=nulls_first,
    )


def _in_parentheses(body: str) -> str:
    """Return an expression as CREATE INDEX takes any of them."""
    return body if is_enclosed(body) else f"({body})"
