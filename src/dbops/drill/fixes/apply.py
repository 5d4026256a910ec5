"""The statements of a fix script, run on the restored copy one by one: how long each takes, which indexes it builds.

They run as the restorer, who is a member of every owner and no superuser: what a statement's own expressions call is
code of the archive. All of them are tried, so that a report names every one that fails, where the script would stop at
the first. Errors are told by their message alone, without the detail that quotes a row.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import psycopg

from dbops.drill.ledger import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from dbops.drill.copy import Copy

_SETTING = ("set ", "reset ")


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """An index that a statement has made or built anew, and how large it is."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Applied:
    """One statement: how long it took, what it built, and what it failed with, if it did."""

    sql: str
    duration_ms: int
    built: tuple[BuiltIndex, ...] = ()
    error: str | None = None


def apply(copy: Copy, statements: Iterable[str]) -> list[Applied]:
    """Run the statements in order and return what became of each; settings are made and not told."""
    done: list[Applied] = []
    with copy.as_restorer() as connection:
        connection.execute("set search_path = pg_catalog, pg_temp")
        known = _indexes(connection)
        for text in statements:
            one = _run(connection, text)
            if text.lower().startswith(_SETTING):
                continue
            now = _indexes(connection) if connection.info.transaction_status == 0 else known
            built = tuple(BuiltIndex(name, size) for key, (name, size) in now.items() if key not in known)
            done.append(Applied(one.sql, one.duration_ms, built, one.error))
            known = now
        connection.execute("analyze")
    return done


def _run(connection: psycopg.Connection[tuple[Any, ...]], text: str) -> Applied:
    began = time.monotonic()
    error = None
    try:
        connection.execute(text.encode())
    except psycopg.OperationalError:
        if connection.closed:
            raise
        error = "it waited for a lock, or was cancelled"
    except psycopg.Error as refused:
        error = Failure(refused.sqlstate or "", refused.diag.message_primary or "", "", "").words()
    return Applied(text, round((time.monotonic() - began) * 1000), (), error)


def _indexes(connection: psycopg.Connection[tuple[Any, ...]]) -> dict[tuple[int, int], tuple[str, int]]:
    """Return name and size of each index, by what changes when it is built anew."""
    query = resources.files("dbops.drill").joinpath("sql", "index_sizes.sql").read_bytes()
    return {(oid, node): (name, size) for oid, node, name, size in connection.execute(query).fetchall()}
