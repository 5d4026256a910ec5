"""A list is kept in numbered columns.

## What it detects

Three or more columns of one table and one type whose names differ in a number that runs on without a gap from 0 or 1
(`phone1`, `phone2`, `phone3`; `phone`, `phone_2`, `phone_3`; `item1_name`, `item2_name`, `item3_name`), or that counts
years (`sales_2023`, `sales_2024`, `sales_2025`). One finding for each name that is numbered, whatever comes after the
number. Of a partitioned table it is reported once.

## Why it matters

It is a repeating group, which the first normal form forbids for practical reasons: every question about one entry has
to be asked of each column, no index serves them all, no constraint keeps two of them from being the same, empty ones
are stored in every row, and one entry more than there are columns is a migration.

## How to fix

Make a table of the entries: the key of this table, the number as `position`, the value; both together its primary key,
the first a foreign key back. Fill it with one `insert … select … where phone1 is not null` for each column, let the
application use it, and drop the columns. What to do when depends on the application, so the finding prints no SQL.

## What it does not see

Lists whose columns have names of their own (home_phone, work_phone). Left alone on purpose: pairs, such as
`address_line1` and `address_line2`; the lines of a postal address however many, which are one text; numbers with gaps,
such as md5 and sha256; the quarters, months, weeks, days and hours of a calendar when all of them are there, since
their number never grows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dbops.checks.catalog import DataType, Relation, TableColumns
from dbops.checks.datatypes import UNLIMITED, base_type, spelled
from dbops.checks.names import qualified, quote
from dbops.checks.rule import Draft, Rule
from dbops.checks.verify import statement
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

RULE = Rule(severity=Severity.INFO, needs=[Relation, TableColumns, DataType])

LEAST = 3  # two may be a pair that will never be three
YEARS = range(1900, 2200)

_NUMBER = re.compile(r"(?<!\d)\d{1,4}(?!\d)")
_POSTAL = ("line", "address", "addr", "street")
# What the calendar has, by the last word of the name: how many of them, and the first.
_CALENDAR = {
    "quarter": {(1, 4)},
    "month": {(1, 12), (0, 11)},
    "week": {(1, 52), (1, 53)},
    "day": {(1, 5), (1, 7), (0, 6), (1, 28), (1, 29), (1, 30), (1, 31)},
    "hour": {(0, 23), (1, 24)},
}
_CALENDAR_WORDS = {
    **dict.fromkeys(("q", "qtr", "quarter"), "quarter"),
    **dict.fromkeys(("m", "mon", "month"), "month"),
    **dict.fromkeys(("w", "wk", "week"), "week"),
    **dict.fromkeys(("d", "day", "weekday"), "day"),
    **dict.fromkeys(("h", "hr", "hour"), "hour"),
}
_SHOWN = 4


class Numbered(NamedTuple):
    """Columns alike but for a number: what stands before it and after it, their type, and their names by number."""

    before: str
    after: str
    type: int
    names: dict[int, str]


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:  # noqa: ARG001  (every rule has this signature)
    """Yield each numbered name of each table."""
    names = {name for columns in catalog.rows(TableColumns) for name in columns.names}
    numbered_names = {name for name in names if _NUMBER.search(name)}
    for columns in catalog.rows(TableColumns):
        if sum(name in numbered_names for name in columns.names) < LEAST - 1:  # quickly past most tables
            continue
        table = catalog.relations.get(columns.table)
        if table and table.is_table and table.parent is None:
            by_name: dict[str, list[Numbered]] = defaultdict(list)
            for numbered in _repeated(catalog, columns):
                by_name[numbered.before].append(numbered)
            for before, groups in by_name.items():
                yield _draft(catalog, qualified(table.schema, table.name), before, groups)


def _repeated(catalog: Catalog, columns: TableColumns) -> Iterator[Numbered]:
    """Yield the lists among the columns of a table."""
    groups: dict[tuple[str, str, int], dict[int, str]] = defaultdict(dict)
    for name, data_type in zip(columns.names, columns.types, strict=True):
        for found in _NUMBER.finditer(name):
            key = (name[: found.start()], name[found.end() :], base_type(catalog, data_type))
            groups[key].setdefault(int(found[0]), name)
    for (before, after, data_type), names in groups.items():
        unnumbered = before.rstrip("_-") + after
        if 1 not in names and 0 not in names and _has(catalog, columns, unnumbered, data_type):
            names[1] = unnumbered
        run = _run(names)
        if len(run) >= LEAST and not _has_its_reason(before, run):
            yield Numbered(before, after, data_type, {number: names[number] for number in run})


def _has(catalog: Catalog, columns: TableColumns, name: str, data_type: int) -> bool:
    return name in columns.names and base_type(catalog, columns.types[columns.names.index(name)]) == data_type


def _run(numbers: dict[int, str]) -> list[int]:
    """Return the numbers that follow one another from 0 or 1, else the longest run of years."""
    first = 0 if 0 in numbers else 1
    run = _following(numbers, first)
    if len(run) >= LEAST:
        return run
    years = [_following(numbers, year) for year in sorted(numbers) if year in YEARS and year - 1 not in numbers]
    return max(years, key=len, default=[])


def _following(numbers: dict[int, str], number: int) -> list[int]:
    run = []
    while number in numbers:
        run.append(number)
        number += 1
    return run


def _has_its_reason(before: str, run: list[int]) -> bool:
    """Return whether the columns are no list: lines of an address, or a whole calendar."""
    name = before.rstrip("_-").lower()
    if name.endswith(_POSTAL):
        return True
    word = re.split(r"[^a-z]", name)[-1]
    return (run[0], run[-1]) in _CALENDAR.get(_CALENDAR_WORDS.get(word, ""), set())


def _draft(catalog: Catalog, table: str, before: str, groups: list[Numbered]) -> Draft:
    lists = " and ".join(_said(catalog, numbered) for numbered in groups)
    years = any(number in YEARS for numbered in groups for number in numbered.names)
    more = "next year needs another column" if years else "one entry more needs another column"
    return Draft(
        object=table,
        detail=f"{lists} {'is one list' if len(groups) == 1 else 'are lists'} in columns: {more}",
        signature=(before,),
        verify=statement("columns_of_table", table),
    )


def _said(catalog: Catalog, numbered: Numbered) -> str:
    names = [quote(name) for name in numbered.names.values()]
    shown = names if len(names) <= _SHOWN else [*names[:2], "…", names[-1]]
    return f"{', '.join(shown)} ({len(names)} of {spelled(catalog, numbered.type, UNLIMITED)})"
