"""Locks on what is dumped, and where each sequence stands.

Rules, in order:

1. The tables are locked (ACCESS SHARE, as pg_dump does) before anything is read, and stay locked until the dump has
   been taken: TRUNCATE ignores snapshots, so a truncated table would be counted full and dumped empty.
2. Sequences do not obey snapshots. Each is read before and after the dump; where it moved in between, both are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.model import SequenceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbops.backup.source import TableFacts
    from dbops.connection.session import Session

_TABLES_AT_ONCE = 64
_LOCKS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a sequence stands."""

    last_value: int
    is_called: bool


def with_rows(tables: Iterable[TableFacts], *, in_recovery: bool) -> list[TableFacts]:
    """Return the tables whose rows are dumped and can be read."""
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


def _qualified(one: TableFacts) -> sql.Identifier:
    return sql.Identifier(one.schema, one.name)


def _sequence_statement(batch: Sequence[TableFacts]) -> sql.Composed:
    parts = [
        sql.SQL("select {}, last_value, is_called from {}").format(sql.Literal(index), _qualified(one))
        for index, one in enumerate(batch)
    ]
    return sql.SQL(" union all ").join(parts)
