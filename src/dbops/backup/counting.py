"""How many rows each table holds, and where each sequence stands, in the snapshot that is dumped.

Rules, in order:

1. The tables are locked (ACCESS SHARE, as pg_dump does) before anything is counted, and stay locked until the dump has
   been taken: TRUNCATE ignores snapshots, so a truncated table would be counted full and dumped empty.
2. `from only`, since partitions and children are counted by themselves.
3. Counting happens in savepoints that are rolled back: a count locks every index of its table, and on thousands of
   tables those locks alone would fill the server's lock table.
4. Sequences do not obey snapshots. Each is read before and after the dump; where it moved in between, both are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.model import SequenceState, TableCount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbops.backup.source import TableFacts
    from dbops.connection.session import Session
    from dbops.model import Progress

METHOD = "count(*) in the snapshot of the dump"
NOT_COUNTED = "not counted: configuration table of an extension"

# One statement counts several small tables: the round trips of 5,000 tables would take longer than their rows.
_TABLES_AT_ONCE = 64
_PAGES_AT_ONCE = 4096
_LOCKS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a sequence stands."""

    last_value: int
    is_called: bool


def with_rows(tables: Iterable[TableFacts], *, in_recovery: bool) -> list[TableFacts]:
    """Return the tables whose rows are dumped and can be counted."""
    return [
        one
        for one in tables
        if one.kind == "r" and not one.of_extension and not (in_recovery and one.persistence == "u")
    ]


def lock_tables(session: Session, tables: Iterable[TableFacts]) -> None:
    """Lock every table against change of shape and TRUNCATE until the session ends; rows may still change."""
    names = [_qualified(one) for one in tables if one.kind in {"r", "p"} and not one.of_extension]
    for start in range(0, len(names), _LOCKS_AT_ONCE):
        several = sql.SQL(", ").join(names[start : start + _LOCKS_AT_ONCE])
        session.connection.execute(sql.SQL("lock table {} in access share mode").format(several))


def count_rows(session: Session, tables: Sequence[TableFacts], progress: Progress | None = None) -> list[TableCount]:
    """Return the number of rows of each table, in the order given."""
    counted = []
    if progress:
        progress.start("count rows", len(tables), "tables")
    for batch in _batches(tables):
        with session.connection.transaction(force_rollback=True):
            rows = session.fetch_all(_count_statement(batch))
        numbers = dict(rows)
        counted += [
            TableCount(schema_=one.schema, name=one.name, rows=numbers[index], method=METHOD)
            for index, one in enumerate(batch)
        ]
        if progress:
            progress.advance(len(batch))
    if progress:
        progress.finish()
    return counted


def read_sequences(session: Session, tables: Iterable[TableFacts]) -> dict[tuple[str, str], Standing]:
    """Return where each sequence stands now, by schema and name."""
    sequences = [one for one in tables if one.kind == "S" and not one.of_extension]
    found = {}
    for start in range(0, len(sequences), _TABLES_AT_ONCE):
        batch = sequences[start : start + _TABLES_AT_ONCE]
        with session.connection.transaction(force_rollback=True):
            rows = session.fetch_all(_sequence_statement(batch))
        for index, last_value, is_called in rows:
            found[batch[index].schema, batch[index].name] = Standing(last_value, is_called)
    return found


def sequence_states(
    before: dict[tuple[str, str], Standing], after: dict[tuple[str, str], Standing]
) -> tuple[SequenceState, ...]:
    """Return the manifest's words for the sequences: where each stood, and where it was when the dump had ended."""
    return tuple(
        SequenceState(
            schema_=schema,
            name=name,
            last_value=standing.last_value,
            is_called=standing.is_called,
            moved_to=None if (later := after.get((schema, name), standing)) == standing else later.last_value,
        )
        for (schema, name), standing in before.items()
    )


def _batches(tables: Iterable[TableFacts]) -> Iterator[list[TableFacts]]:
    batch: list[TableFacts] = []
    pages = 0
    for one in tables:
        if batch and (len(batch) == _TABLES_AT_ONCE or pages + one.pages > _PAGES_AT_ONCE):
            yield batch
            batch, pages = [], 0
        batch.append(one)
        pages += one.pages
    if batch:
        yield batch


def _qualified(one: TableFacts) -> sql.Identifier:
    return sql.Identifier(one.schema, one.name)


def _count_statement(batch: Sequence[TableFacts]) -> sql.Composed:
    parts = [
        sql.SQL("select {}, pg_catalog.count(*) from only {}").format(sql.Literal(index), _qualified(one))
        for index, one in enumerate(batch)
    ]
    return sql.SQL(" union all ").join(parts)


def _sequence_statement(batch: Sequence[TableFacts]) -> sql.Composed:
    parts = [
        sql.SQL("select {}, last_value, is_called from {}").format(sql.Literal(index), _qualified(one))
        for index, one in enumerate(batch)
    ]
    return sql.SQL(" union all ").join(parts)
