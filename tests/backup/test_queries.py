"""The queries that ship."""

from __future__ import annotations

from pathlib import Path

import dbops

QUERIES = sorted(
    path
    for area in ("backup", "checks", "connection", "drill")
    for path in Path(dbops.__file__).with_name(area).rglob("*.sql")
)


def test_queries_are_ascii_so_that_a_database_of_any_encoding_takes_them() -> None:
    assert len(QUERIES) > 10
    assert [] == [path.name for path in QUERIES if not path.read_bytes().isascii()]
