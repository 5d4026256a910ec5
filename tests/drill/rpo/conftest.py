"""What the readers of repositories are tested with: a server, and programs run as its user."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.binaries import find_server
from dbops.connection.process import run
from dbops.connection.server import ScratchServer
from dbops.connection.session import read_only, scratch
from dbops.drill.rpo.repository import Position
from dbops.errors import ProgramMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

# The newest that both programs, as distributions have them, support.
MAJOR = 15


@dataclass(frozen=True)
class Served:
    """A running server, and programs beside it."""

    server: ScratchServer

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        with scratch(self.server, "postgres") as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def program(self, name: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a program as the server's user, and return what it says."""
        found = shutil.which(name)
        assert found is not None
        output = self.server.directory / name
        completed = run(Path(found), arguments, output=output, deadline=120, run_as=self.server.run_as)
        assert completed.exit_code in codes, completed.stderr.read_text() + completed.stdout.read_text()
        return completed.stdout.read_text()

    def position(self) -> Position:
        with read_only(self.server.target()) as session:
            return Position.of(session)

    def commit_and_switch(self) -> str:
        self.sql("insert into kept values ('x')")
        return str(self.sql("select pg_walfile_name(pg_switch_wal())")[0][0])

    def until(self, condition: str) -> None:
        for _ in range(1000):
            if self.sql(f"select 1 from pg_stat_archiver where {condition}"):
                return
            time.sleep(0.02)
        raise AssertionError((condition, self.sql("select * from pg_stat_archiver")))


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    try:
        binaries = find_server(MAJOR, environ=os.environ)
    except ProgramMissingError:
        pytest.skip(f"PostgreSQL {MAJOR} is not installed")
    settings = {"archive_mode": "on", "wal_level": "replica", "archive_timeout": "60s", "autovacuum": "off"}
    with ScratchServer(binaries, settings=settings, initdb_arguments=("--wal-segsize=1",)) as server:
        running = Served(server)
        running.sql("create table kept (text text)")
        yield running
