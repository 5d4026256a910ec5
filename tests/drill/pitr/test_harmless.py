"""A copy of a server is dangerous to that server: what a drill starts cannot reach back, and leaves nothing."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbops.connection import registry
from dbops.connection.deadline import Deadline
from dbops.connection.session import read_only
from dbops.drill.pitr.archive import list_archive
from dbops.drill.pitr.base import BaseBackup, Taker
from dbops.drill.pitr.recovery import Goal, RecoveredServer, make_safe
from dbops.drill.pitr.source import open_source
from dbops.errors import UnavailableError
from dbops.model import Verdict

from .conftest import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.model import Report

    from .conftest import Archiving


@pytest.fixture
def understood(archiving: Archiving, base_backup: Path, tmp_path: Path) -> BaseBackup:
    """The base backup, as the drill understands it, with a commit after it that is archived."""
    taker = Taker(archiving.server.binaries, tmp_path, Deadline.after(60))
    with open_source(archiving.target, 60, takes_base=True) as source:
        base = taker.understand(
            base_backup, source.moment().at, source.facts.limits, source.info.system_identifier or ""
        )
    archiving.commit()
    segment = archiving.sql("select pg_walfile_name(pg_switch_wal())")[0][0]
    while not (archiving.archive / segment).exists():
        time.sleep(0.02)
    return base


def recovering(archiving: Archiving, base: BaseBackup) -> RecoveredServer:
    return RecoveredServer(
        archiving.server.binaries, base, archiving.archive, Goal.to_position(base.end), archiving.target,
        Deadline.after(60), durable=False,
    )  # fmt: skip


def test_a_copy_full_of_its_source_s_configuration_does_nothing_to_its_source(
    archiving: Archiving, understood: BaseBackup, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    tmp_path.chmod(0o777)
    command = f"touch {ran}"
    hostile = (
        f"archive_mode = 'always'\narchive_command = '{command}; cp %p {archiving.archive}/%f'\n"
        f"recovery_end_command = '{command}'\narchive_cleanup_command = '{command}'\nrestore_command = '{command}'\n"
        f"primary_conninfo = 'host={archiving.server.socket_directory} user={archiving.server.superuser}'\n"
        "shared_preload_libraries = 'no_such_library'\nlisten_addresses = '*'\nnot a line of a configuration\n"
    )
    for name in ("postgresql.auto.conf", "postgresql.conf"):
        (understood.directory / name).write_text(hostile)
    (understood.directory / "pg_hba.conf").write_text("local all all reject\n")
    (understood.directory / "standby.signal").touch()
    before = list_archive(archiving.archive)
    with recovering(archiving, understood) as server:
        server.await_paused()
        with read_only(server.reader) as session:
            assert [("off", "")] == session.fetch_all(
                "select current_setting('archive_mode'), current_setting('listen_addresses')"
            )
            assert [(0,)] == session.fetch_all("select count(*) from pg_stat_wal_receiver")
        assert [(0,)] == archiving.sql("select count(*) from pg_stat_replication")
    assert before == list_archive(archiving.archive)
    assert not ran.exists()


def test_nothing_that_acts_is_left_in_a_copy(tmp_path: Path) -> None:
    for name in ("postgresql.auto.conf", "standby.signal", "postmaster.pid", "postmaster.opts", "backup_label"):
        (tmp_path / name).write_text("x")
    make_safe(tmp_path)
    assert {"postgresql.auto.conf": "", "backup_label": "x", "recovery.signal": ""} == {
        path.name: path.read_text() for path in tmp_path.iterdir()
    }


def test_a_copy_that_allows_less_than_its_source_says_which_setting(
    archiving: Archiving, understood: BaseBackup
) -> None:
    small = replace(understood, limits={**understood.limits, "max_connections": 20})
    with (
        pytest.raises(UnavailableError, match=r"max_connections = 20 is a lower setting"),
        recovering(archiving, small) as server,
    ):
        server.await_paused()


def test_a_moment_that_is_not_after_the_base_backup_is_refused(understood: BaseBackup) -> None:
    for moment in (understood.ended, understood.ended - dt.timedelta(days=365)):
        with pytest.raises(UnavailableError, match="is not after the end of the base backup"):
            Goal.to_time(moment, understood)
    assert Goal.to_time(understood.ended + dt.timedelta(microseconds=1), understood)


def test_an_archive_that_changes_under_the_drill_fails_it(
    archiving: Archiving, drill: Callable[..., Report], base_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovered = RecoveredServer.await_paused

    def and_pollute(server: RecoveredServer) -> None:
        recovered(server)
        (archiving.archive / "00000002.history").write_text("1\t0/3000000\tno recovery target specified\n")

    monkeypatch.setattr(RecoveredServer, "await_paused", and_pollute)
    report = drill(base_backup=base_backup)
    assert ("fail", Verdict.FAIL) == (answers(report)["archive-untouched"], report.restorability)


_DRILL = """
import sys
from pathlib import Path
from dbops.__main__ import main
from dbops.drill.pitr.recovery import RecoveredServer

def stay(server):
    print("recovering", server.pid, server.directory, flush=True)
    import time
    time.sleep(60)

RecoveredServer.await_paused = stay
main(sys.argv[1:])
"""


@pytest.fixture
def own() -> Iterator[Path]:
    """A short temporary directory for one drill alone, that the server's user can pass through."""
    with tempfile.TemporaryDirectory(prefix="d") as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_drill_that_is_killed_leaves_no_server_and_no_directory(
    archiving: Archiving, base_backup: Path, tmp_path: Path, own: Path, number: signal.Signals
) -> None:
    words = [
        "drill", "--depth", "pitr", "--canary", "--wal-archive", str(archiving.archive), "--base-backup",
        str(base_backup), "--log-dir", str(tmp_path / "logs"), "--quiet", "--database-url",
        f"postgresql://driller@/postgres?host={archiving.server.socket_directory}&port=5432",
        "--target-bindir", str(archiving.server.binaries.directory),
    ]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", _DRILL, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(own)},
    ) as child:
        assert child.stdout is not None
        _, pid, directory = child.stdout.readline().split()
        child.send_signal(number)
        child.wait(30)
    registry.sweep()
    for _ in range(200):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), 0)
            time.sleep(0.05)
            continue
        break
    else:
        pytest.fail("the scratch server outlived the drill")
    assert Path(directory).parent == own
    assert list(own.glob("dbops-????????")) == []
