"""What is in a database besides rows: facts `(kind, identity, value)`, the same query on both sides of a comparison.

Kept as JSON lines beside the dump, so that a drill can compare the restored copy without the source. A value holds
owner, flags and definition; the name of an object is in `identity`, quoted as SQL quotes it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from dbops.backup.source import read_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbops.connection.session import Session


class Fact(NamedTuple):
    """One thing that is true of one object."""

    kind: str
    identity: str
    value: str


def read_inventory(session: Session) -> list[Fact]:
    """Return all facts about the database, sorted; the session's search_path is pg_catalog, as every session's is."""
    return [Fact(*row) for row in session.fetch_all(read_sql("inventory"))]


def to_lines(facts: Iterable[Fact]) -> bytes:
    """Return facts as they are kept: one JSON array a line."""
    return "".join(f"{json.dumps(fact, ensure_ascii=False)}\n" for fact in facts).encode()


def from_lines(data: bytes) -> Iterator[Fact]:
    """Return kept facts. Raises ValueError when a line is not one."""
    for line in data.splitlines():
        kind, identity, value = json.loads(line)
        yield Fact(str(kind), str(identity), str(value))
