"""A foreign key's column has another type than the key it refers to.

## What it detects

Foreign keys between types that do not do the same. Four kinds are told apart. The look-up converts the column first
(integer to numeric, character(n) to text), so that no plain index on it serves; the column is narrower than the key (an
integer that refers to a bigint, fewer digits of a numeric, a date for a timestamp), so that some keys cannot be
referred to; which rows match depends on the session's time zone (timestamp and timestamptz); and real against double
precision, where the same number is rounded in two ways.

## Why it matters

Such a column works until the day it matters: inserts fail when the key passes 2,147,483,647, or every delete of a
referenced row reads the whole table although an index is there, which every tool takes for a good one.

## How to fix

Give the column the key's type. That rewrites the table; the finding's statement takes the columns along that refer to
this one. Where the match depends on the time zone the conversion does too, so that one is left to you.

## What it does not see

What harms nobody is left alone: a wider column than its key, varchar against text or another length of varchar, a
domain over the same type. How full a narrow column is says `integer-exhaustion`. Foreign keys that are not enforced
look nothing up. Joins without a foreign key are not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import (
    Constraint,
    DataType,
    EqualityFamilies,
    OperatorClass,
    Relation,
    TableColumns,
)
from dbops.checks.datatypes import (
    DATE,
    DOUBLE,
    INTEGER_LIMITS,
    NUMERIC,
    REAL,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNLIMITED,
    base_type,
    digits,
    found_as_kept,
    spelled,
    type_of,
)
from dbops.checks.names import quote
from dbops.checks.retyping import Place, retype
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.model import Scope
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(
    severity=Severity.WARNING,
    needs=[Relation, TableColumns, DataType, Constraint, OperatorClass, EqualityFamilies],
)

_WITH_ZONE = frozenset({TIMESTAMPTZ})
_WITHOUT_ZONE = frozenset({TIMESTAMP, DATE})
_MICROSECONDS = 6  # digits of a timestamp that has no modifier


class Side(NamedTuple):
    """One side of a pair: the column, its type as declared, and the type beneath a domain."""

    place: Place
    type: int
    modifier: int
    base: int


class Pair(NamedTuple):
    """A column of a foreign key and the one it refers to, compared by `operator` (key = column)."""

    column: Side
    key: Side
    operator: int


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each column of a foreign key whose type does not do what its key's does."""
    for foreign_key in _foreign_keys(catalog):
        for pair in _pairs(catalog, foreign_key):
            harm = _harm(catalog, pair)
            if harm:
                yield _draft(catalog, foreign_key, pair, harm)


def scope(catalog: Catalog, policy: Policy) -> Scope:  # noqa: ARG001
    """Every enforced foreign key, each partitioned one once."""
    total = sum(key.type == "f" for key in catalog.rows(Constraint))
    return Scope(checked=sum(1 for _ in _foreign_keys(catalog)), total=total)


def _foreign_keys(catalog: Catalog) -> Iterator[Constraint]:
    for key in catalog.rows(Constraint):
        if key.type == "f" and key.parent is None and key.enforced and key.foreign_table in catalog.relations:
            yield key


def _pairs(catalog: Catalog, foreign_key: Constraint) -> Iterator[Pair]:
    """Yield the pairs that are not plainly alike."""
    for own, foreign, operator in zip(
        foreign_key.columns, foreign_key.foreign_columns, foreign_key.operators, strict=True
    ):
        places = Place(foreign_key.table, own), Place(foreign_key.foreign_table or 0, foreign)
        column, key = (type_of(catalog, *place) for place in places)
        if column and key and column != key:
            yield Pair(_side(catalog, places[0], *column), _side(catalog, places[1], *key), operator)


def _side(catalog: Catalog, place: Place, data_type: int, modifier: int) -> Side:
    return Side(place, data_type, modifier, base_type(catalog, data_type))


def _harm(catalog: Catalog, pair: Pair) -> str | None:
    """Return what is wrong with a pair, None if nothing is."""
    column, key = pair.column, pair.key
    if not found_as_kept(catalog, pair.operator, column.type):
        return "every look-up converts it first, so no plain index on it serves"
    if column.base in INTEGER_LIMITS and INTEGER_LIMITS[column.base] < INTEGER_LIMITS.get(key.base, 0):
        return f"it holds no key above {INTEGER_LIMITS[column.base]:,}"
    if _depends_on_zone(column.base, key.base):
        return "which rows match depends on the time zone of the session"
    if {column.base, key.base} == {REAL, DOUBLE}:
        return "the same number is rounded in two ways, so that most keys match nothing"
    if column.base == DATE and key.base == TIMESTAMP:
        return "it holds no key but midnight"
    return _lost_digits(column, key)


def _depends_on_zone(one: int, other: int) -> bool:
    return bool({one, other} & _WITH_ZONE and {one, other} & _WITHOUT_ZONE)


def _lost_digits(column: Side, key: Side) -> str | None:
    """Return what is lost where both have one type, and the column fewer digits of it."""
    if column.base != key.base or column.modifier == UNLIMITED or {column.base, column.type} != {column.base}:
        return None
    if column.base in {TIMESTAMP, TIMESTAMPTZ}:
        kept = _MICROSECONDS if key.modifier == UNLIMITED else key.modifier
        return f"it keeps {column.modifier} digits of a second, the key {kept}" if column.modifier < kept else None
    own = digits(column.modifier) if column.base == NUMERIC else None
    if own is None:
        return None
    theirs = digits(key.modifier)
    if theirs is None or own[1] < theirs[1] or own[0] - own[1] < theirs[0] - theirs[1]:
        return "it holds fewer digits than the key"
    return None


def _draft(catalog: Catalog, foreign_key: Constraint, pair: Pair, harm: str) -> Draft:
    table = catalog.name_of(pair.column.place.table)
    key_table = catalog.name_of(pair.key.place.table)
    [column_name] = catalog.column_names(pair.column.place.table, [pair.column.place.number])
    [key_name] = catalog.column_names(pair.key.place.table, [pair.key.place.number])
    column_type = spelled(catalog, pair.column.type, pair.column.modifier)
    key_type = spelled(catalog, pair.key.type, pair.key.modifier)
    fix = None
    if not _depends_on_zone(pair.column.base, pair.key.base):
        fix = retype(catalog, [pair.column.place], pair.key.type, pair.key.modifier)
    return Draft(
        object=table,
        detail=f"{quote(column_name)} ({column_type}) refers to {key_table}.{quote(key_name)} ({key_type}) by"
        f" {quote(foreign_key.name)}: {harm}",
        signature=(column_name, key_table, key_name),
        verify=statement("foreign_key_types_of_table", table),
        fix=fix,
    )
