"""An archive that wants the machine: a drill contains it, and restoring it plainly shows that it is live."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbops.connection.binaries import find_server
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.target import Target
    from dbops.model import Report
    from dbops.storage.stored import StoredBackup

_HOSTILE = Path(__file__).with_name("hostile.sql")


@pytest.fixture
def marks() -> Iterator[Path]:
    """A directory that every user of the machine can write to, as the scratch server's can then too."""
    with tempfile.TemporaryDirectory(prefix="dbops-hostile-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def hostile(marks: Path) -> Iterator[Target]:
    """A database with the payload, on a server where it keeps quiet."""
    settings = {"fsync": "off", "cluster_name": "source"}
    with ScratchServer(find_server(None, environ=os.environ), settings=settings) as server:
        with scratch(server, "postgres") as connection:
            connection.execute("create database hostile")
        with scratch(server, "hostile") as connection:
            connection.execute(_HOSTILE.read_text().replace("DIRECTORY", str(marks)).encode())
        assert [] == list(marks.iterdir())
        yield server.target("hostile")


def _restore_plainly(stored: StoredBackup) -> None:
    """Restore as superuser, as the manual has it."""
    binaries = find_server(None, environ=os.environ)
    with ScratchServer(binaries, settings={"fsync": "off"}) as server:
        target = server.target()
        command = [binaries.program("pg_restore"), "--no-owner", f"--dbname={target.conninfo()}", stored.dump]
        subprocess.run(command, capture_output=True, check=False)


def test_no_attempt_of_a_hostile_archive_succeeds(
    hostile: Target, marks: Path, back_up: Callable[..., StoredBackup], drill: Callable[..., Report]
) -> None:
    stored = back_up(hostile)
    report = drill(stored)
    assert [] == sorted(path.name for path in marks.iterdir())
    assert "restore/data" in {step.name for step in report.steps}
    # The control: the payload is live, or containing it would be no feat.
    _restore_plainly(stored)
    assert [] != sorted(path.name for path in marks.iterdir())


def test_the_schema_alone_is_contained_too(hostile: Target, marks: Path, rebuild: Callable[..., Report]) -> None:
    report = rebuild(hostile)
    assert [] == sorted(path.name for path in marks.iterdir())
    assert "restore/pre-data" in {step.name for step in report.steps}
