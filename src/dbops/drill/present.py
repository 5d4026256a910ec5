"""The copy of an archive nothing was recorded beside, against the archive's own table of contents.

It cannot show that the rows are those of the source. It shows that everything the archive names is there: relations
with their owners, valid indexes, tables with rows to count, sequences where the archive sets them, large objects,
extensions. What only a superuser could restore, and what follows from it, the ledger explains; it is not counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from dbops.backup.counting import read_sequences
from dbops.backup.digests import DigestMode, plan_readings, read_rows
from dbops.backup.large_objects import LargeObjects
from dbops.backup.source import read_extensions, read_tables
from dbops.drill.compare import as_check, compare_extensions, compare_large_objects, compare_sequences, finding
from dbops.drill.needs import extensions_of
from dbops.model import Scope, SequenceState
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.backup.source import TableFacts
    from dbops.backup.toc import Item, Toc
    from dbops.connection.session import Session
    from dbops.drill.ledger import Ledger
    from dbops.model import Check, Finding, TableCount

# The kinds of relations that an entry of this kind may become.
_RELATIONS = {
    "TABLE": "rp",
    "VIEW": "v",
    "MATERIALIZED VIEW": "m",
    "SEQUENCE": "S",
    "FOREIGN TABLE": "f",
    "INDEX": "iI",
}
_SETVAL = re.compile(r"SELECT pg_catalog\.setval\('.*', (?P<value>-?\d+), (?P<called>true|false)\);", re.DOTALL)
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of the copy."""

    kind: str
    owner: str
    usable: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader finds on the copy."""

    relations: dict[tuple[str, str], Relation]
    counts: dict[tuple[str, str], int]
    checks: tuple[Check, ...]


def read_present(session: Session, toc: Toc, *, data: bool) -> Found:
    """Read the copy; `data` says whether rows were restored."""
    statement = resources.files(__package__ or "dbops.drill").joinpath("sql", "relations.sql").read_bytes()
    relations = {(row[0], row[1]): Relation(*row[2:]) for row in session.fetch_all(statement)}
    tables = read_tables(session)
    checks = [compare_extensions(extensions_of(toc), read_extensions(session))]
    counts: list[TableCount] = []
    if data:
        readings = plan_readings((one for one in tables if one.kind == "r"), DigestMode.COUNTS, 0)
        counts = read_rows(session, readings)
        checks += _with_data(session, toc, tables)
    rows = {(one.schema_, one.name): one.rows for one in counts if one.rows is not None}
    return Found(relations, rows, tuple(checks))


def _with_data(session: Session, toc: Toc, tables: tuple[TableFacts, ...]) -> Iterator[Check]:
    expected = list(_sequences(toc))
    check = compare_sequences(expected, read_sequences(session, tables))
    yield check.model_copy(
        update={"title": "Every sequence stands where the archive sets it", "method": "last_value and is_called"}
    )
    number = session.fetch_all("select pg_catalog.count(*) from pg_catalog.pg_largeobject_metadata")[0][0]
    check = compare_large_objects(LargeObjects(_large_objects(toc)), LargeObjects(number))
    yield check.model_copy(update={"title": "As many large objects as the archive names"})


def _sequences(toc: Toc) -> Iterator[SequenceState]:
    for item in toc.of_kind("SEQUENCE SET"):
        if matched := _SETVAL.match(item.definition):
            yield SequenceState(
                schema_=item.schema,
                name=item.name,
                last_value=int(matched["value"]),
                is_called=matched["called"] == "true",
            )


def _large_objects(toc: Toc) -> int:
    """Return how many large objects an archive names: an entry each before 17, a line each since."""
    ones = sum(1 for _ in toc.of_kind("BLOB"))
    return ones + sum(len(item.definition.split()) for item in toc.of_kind("BLOB METADATA"))


def check_contents(toc: Toc, found: Found, ledger: Ledger) -> Check:
    """Compare the relations that an archive names with those of the copy, and with their owners."""
    named = [item for item in toc.items if item.kind in _RELATIONS]
    judged = [item for item in named if not _explained(item, ledger)]
    return as_check(
        "archive-contents",
        "Every relation of the archive is on the copy, with its owner, and can be used",
        list(_missing(judged, found)),
        Scope(checked=len(judged), total=len(named)),
        "tables, views, materialized views, sequences, indexes of the table of contents against the copy's catalog",
    )


def _missing(items: list[Item], found: Found) -> Iterator[Finding]:
    for item in items:
        there = found.relations.get((item.schema, item.name))
        subject = f"{item.kind.lower()} {_spelled(item.schema, item.name)}"
        if there is None or there.kind not in _RELATIONS[item.kind]:
            yield finding("archive-contents", subject, "named by the archive, not on the copy")
        elif item.owner and there.owner != item.owner:
            yield finding(
                "archive-contents", subject, f"owned by {item.owner} in the archive, {there.owner} on the copy"
            )
        elif item.kind == "INDEX" and not there.usable:
            yield finding("archive-contents", subject, "not valid on the copy")


def check_rows(toc: Toc, found: Found, ledger: Ledger) -> Check:
    """Count the rows of every table that the archive has data for; a table that cannot be counted is a difference."""
    named = [item for item in toc.of_kind("TABLE DATA") if not _explained(item, ledger)]
    present = [item for item in named if (item.schema, item.name) in found.counts]
    rows = sum(found.counts[item.schema, item.name] for item in present)
    missing = [
        finding("row-counts", _spelled(item.schema, item.name), "the archive has data for it, the copy no such table")
        for item in named
        if (item.schema, item.name) not in found.counts
    ]
    return as_check(
        "row-counts",
        "Every table that the archive has data for is there and can be read whole",
        missing,
        Scope(checked=len(present), total=len(named)),
        f"count(*) on the copy: {counted(rows, 'row')}; there is no source to compare with",
    )


def check_views(toc: Toc, found: Found, ledger: Ledger) -> Check:
    """Look for materialized views that the archive has data for, and that could not be computed."""
    named = [item for item in toc.of_kind("MATERIALIZED VIEW DATA") if not _explained(item, ledger)]
    empty = [
        finding(
            "materialized-views", _spelled(item.schema, item.name), "it was populated at the source, it is not here"
        )
        for item in named
        if (there := found.relations.get((item.schema, item.name))) is not None and not there.usable
    ]
    return as_check(
        "materialized-views",
        "Every materialized view that had rows could be computed",
        empty,
        Scope(checked=len(named), total=len(named)),
        "relispopulated",
    )


def _explained(item: Item, ledger: Ledger) -> bool:
    """Tell whether the ledger says why something is missing: by its name, or by a statement about it that failed."""
    name = _spelled(item.schema, item.name)
    return name in ledger.names or any(name in one.statement for one in (*ledger.followers, *ledger.superuser_only))


def _spelled(schema: str, name: str) -> str:
    """Return a name as pg_dump writes it into statements, and as people do."""
    return ".".join(
        part if _PLAIN_NAME.fullmatch(part) else f'"{part.replace(chr(34), chr(34) * 2)}"' for part in (schema, name)
    )
