"""Plain SQL as psql would load it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from dbops.connection.target import Target


def load_plain(target: Target, sql: str) -> None:
    """Run plain SQL, COPY with inline data included."""
    with psycopg.connect(target.conninfo(), password=target.password, autocommit=True) as connection:
        statements: list[str] = []
        lines = iter(sql.splitlines())
        for line in lines:
            if not line.startswith("COPY "):
                statements.append(line)
                continue
            connection.execute("\n".join(statements).encode())
            statements = []
            with connection.cursor().copy(line.encode()) as copy:
                for row in lines:
                    if row == "\\.":
                        break
                    copy.write(f"{row}\n")
        connection.execute("\n".join(statements).encode())
