"""The throw-away server itself: what it is, how it starts and stops, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection import registry
from dbops.connection.binaries import Binaries, find_embedded, find_server
from dbops.connection.process import ask
from dbops.connection.run_as import Surroundings
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.errors import ConnectionFailedError, DbopsError, ProgramFailedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.target import Target

    RunSql = Callable[[Target, str], list[tuple[Any, ...]]]


@pytest.fixture(params=["installed", "embedded"])
def each_binaries(request: pytest.FixtureRequest) -> Binaries:
    """Each kind of PostgreSQL that this machine has."""
    found: Binaries | None = None
    if request.param == "embedded":
        found = find_embedded()
    else:
        newest = find_server(None, environ=os.environ)
        found = newest if newest.origin.startswith("installed") else None
    if found is None:
        pytest.skip(f"no {request.param} PostgreSQL here")
    return found


@pytest.fixture
def any_binaries() -> Binaries:
    return find_server(None, environ=os.environ)


@pytest.fixture(scope="module")
def guarded() -> Iterator[ScratchServer]:
    """A server as a drill starts it."""
    with ScratchServer(
        find_server(None, environ=os.environ), auth="scram-sha-256", network_isolated=True, checksums=True
    ) as server:
        yield server


def show(server: ScratchServer, sql: str) -> Any:
    with scratch(server, "postgres") as connection:
        cursor = connection.execute(sql.encode())
        while cursor.nextset():
            pass
        return cursor.fetchall()[0][0]


def entries_naming(directory: Path) -> list[Path]:
    """The registry's entries for one directory; other processes of this machine have entries of their own."""
    entries = [entry for place in registry._usable_places() for entry in place.glob("*.lease")]
    return [entry for entry in entries if entry.exists() and os.fsencode(directory) in entry.read_bytes()]


def test_each_test_gets_an_empty_database(database: Target, run_sql: RunSql) -> None:
    run_sql(database, "create table t (n int); insert into t values (1)")
    assert run_sql(database, "select count(*) from pg_class where relname = 't'") == [(1,)]


def test_another_test_sees_nothing_of_it(database: Target, run_sql: RunSql) -> None:
    assert run_sql(database, "select count(*) from pg_class where relname = 't'") == [(0,)]


def test_a_command_returns_no_rows(database: Target, run_sql: RunSql) -> None:
    assert run_sql(database, "select 1; create table t (n int)") == []


def test_it_answers_and_leaves_nothing(each_binaries: Binaries) -> None:
    with ScratchServer(each_binaries) as server:
        assert show(server, "show server_version_num") == str(each_binaries.version)
        directory, pid = server.directory, server.pid
        assert registry.processes_in(directory) != []
        assert len(entries_naming(directory)) == 1
    assert (directory.exists(), Path(f"/proc/{pid}").exists()) == (False, False)
    assert registry.processes_in(directory) == []
    assert entries_naming(directory) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_exception_in_the_block_leaves_nothing(any_binaries: Binaries, error: type[BaseException]) -> None:
    with pytest.raises(error), ScratchServer(any_binaries) as server:
        raise error
    assert (server.directory.exists(), registry.processes_in(server.directory)) == (False, [])


def test_the_bootstrap_role_has_a_random_name_and_postgres_does_not_exist(guarded: ScratchServer) -> None:
    assert show(guarded, "select array_agg(rolname::text) from pg_roles where rolname !~ '^pg_'") == [guarded.superuser]
    assert guarded.superuser.startswith("dbops_")


def test_it_is_utf8_and_locale_c_whatever_the_environment_says(
    any_binaries: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANG", "xx_YY")
    with ScratchServer(any_binaries) as server:
        sql = "select pg_encoding_to_char(encoding) || ' ' || datcollate from pg_database where datname = 'postgres'"
        assert show(server, sql) == "UTF8 C"


def test_encoding_and_locale_can_be_asked_for(any_binaries: Binaries) -> None:
    with ScratchServer(any_binaries, encoding="SQL_ASCII", locale="C.UTF-8") as server:
        sql = "select pg_encoding_to_char(encoding) || ' ' || datcollate from pg_database where datname = 'postgres'"
        assert show(server, sql) == "SQL_ASCII C.UTF-8"


def test_checksums_are_on_only_when_asked_for(each_binaries: Binaries, guarded: ScratchServer) -> None:
    with ScratchServer(each_binaries) as server:
        assert (show(server, "show data_checksums"), show(guarded, "show data_checksums")) == ("off", "on")


def test_it_listens_on_a_private_socket_and_nothing_else(guarded: ScratchServer) -> None:
    assert show(guarded, "show listen_addresses") == ""
    socket = guarded.socket_directory / ".s.PGSQL.5432"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(guarded.socket_directory.stat().st_mode) == 0o700


def test_it_does_not_archive_or_preload(guarded: ScratchServer) -> None:
    names = ("archive_mode", "shared_preload_libraries", "session_preload_libraries", "primary_conninfo")
    assert [show(guarded, f"show {name}") for name in names] == ["off", "", "", ""]


def test_the_callers_settings_win(any_binaries: Binaries) -> None:
    with ScratchServer(any_binaries, settings={"archive_mode": "on", "work_mem": "7MB", "port": "6543"}) as server:
        assert [show(server, f"show {name}") for name in ("archive_mode", "work_mem", "port")] == ["on", "7MB", "6543"]


def test_a_setting_that_is_not_in_force_is_found_before_anybody_else_connects(any_binaries: Binaries) -> None:
    class Deaf(ScratchServer):
        def _start_isolated(self, arguments: list[str]) -> Any:
            return super()._start_isolated([*arguments, "-c", "archive_mode=on"])

    server = Deaf(any_binaries)
    with pytest.raises(UnavailableError, match="archive_mode = 'on', not 'off'"):
        server.__enter__()
    assert registry.processes_in(server.directory) == []


def test_errors_are_logged_as_json_with_their_statement(guarded: ScratchServer) -> None:
    with pytest.raises(DbopsError):
        show(guarded, "select 1/0 as canary")
    deadline = time.monotonic() + 10  # the collector writes a moment later
    while not (found := logged(guarded, "canary")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == [("22012", "select 1/0 as canary")]


def logged(server: ScratchServer, word: str) -> list[tuple[str, str]]:
    """SQLSTATE and statement of what the server has logged about statements with a word."""
    entries = [
        json.loads(line) for line in server.log_path.read_text().splitlines(keepends=True) if line.endswith("\n")
    ]
    return [(one["state_code"], one["statement"]) for one in entries if word in one.get("statement", "")]


def test_scram_lets_nobody_in_without_the_random_password(guarded: ScratchServer, run_sql: RunSql) -> None:
    import psycopg

    target = guarded.target()
    assert target.password is not None
    assert len(target.password) >= 32
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(target.conninfo())
    assert run_sql(target, "select 1") == [(1,)]


def test_the_password_is_neither_in_a_file_nor_on_a_command_line(guarded: ScratchServer) -> None:
    password = (guarded.target().password or "").encode()
    files = [path for path in guarded.directory.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if password in path.read_bytes()] == []
    assert password not in Path(f"/proc/{guarded.pid}/cmdline").read_bytes()


def test_another_role_gets_the_password_it_was_created_with(guarded: ScratchServer) -> None:
    show(guarded, "create role reader login password 'Canary-reader-1'; select 1")
    guarded.set_password("reader", "Canary-reader-1")
    with scratch(guarded, "postgres", user="reader") as connection:
        assert connection.execute("select current_user").fetchall() == [("reader",)]


def test_a_role_without_a_known_password_is_refused(guarded: ScratchServer) -> None:
    show(guarded, "create role stranger login password 'Canary-stranger'; select 1")
    with pytest.raises(ConnectionFailedError), scratch(guarded, "postgres", user="stranger"):
        pytest.fail("it was let in")


def test_an_isolated_server_has_no_network(guarded: ScratchServer) -> None:
    if not guarded.isolated:
        pytest.skip("this kernel or container grants no network namespace")
    show(guarded, "create table net (line text); copy net from program 'cat /proc/net/dev'; select 1")
    assert show(guarded, "select count(*) from net where line ~ ':' and line !~ '^ *lo:'") == 0


def test_without_a_network_namespace_it_runs_and_says_so(
    any_binaries: Binaries, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = Path(Surroundings.command.__globals__["_LAUNCHER"])
    refusing = tmp_path / "launcher.py"
    fault = 'OSError(1, "Operation not permitted")'
    refusing.write_text(real.read_text().replace("    _checked(libc.unshare(flags))", f"    raise {fault}"))
    monkeypatch.setitem(Surroundings.command.__globals__, "_LAUNCHER", refusing)
    with ScratchServer(any_binaries, network_isolated=True) as server:
        assert (server.isolated, show(server, "select 1")) == (False, 1)


def test_an_ordinary_server_is_not_isolated(server: ScratchServer) -> None:
    assert server.isolated is False


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (("shared_buffers", "plenty"), 'FATAL:  invalid value for parameter "shared_buffers": "plenty"'),
        (("shared_preload_libraries", "missing"), 'FATAL:  could not access file "missing": No such file or directory'),
        (("hba_file", "/nowhere/hba"), "FATAL: could not load "),
    ],
    ids=["a value", "a library", "after the log has become JSON"],
)
def test_a_server_that_cannot_start_is_one_error_with_its_last_words(
    any_binaries: Binaries, setting: tuple[str, str], words: str
) -> None:
    server = ScratchServer(any_binaries, settings=dict([setting]))
    with pytest.raises(ProgramFailedError) as caught:
        server.__enter__()
    assert caught.value.message.startswith("the scratch server ended with exit code 1: ")
    assert words in caught.value.message
    assert not server.directory.exists()


def test_an_initdb_that_fails_is_one_error_with_its_last_words(any_binaries: Binaries) -> None:
    server = ScratchServer(any_binaries, locale="xx_YY")
    with pytest.raises(ProgramFailedError, match=r'initdb ended with exit code 1: .*"xx_YY"'):
        server.__enter__()
    assert (server.directory.exists(), entries_naming(server.directory)) == (False, [])


def test_a_clean_stop_keeps_the_data_and_it_can_be_started_again(any_binaries: Binaries) -> None:
    with ScratchServer(any_binaries) as server:
        show(server, "create table kept (n int); insert into kept values (7); select 1")
        server.stop("fast")
        state = ask(server.binaries.program("pg_controldata"), "--pgdata", str(server.data_directory))
        assert "shut down" in next(line for line in state.splitlines() if "cluster state" in line)
        assert "in production" not in state
        server.start()
        assert show(server, "select n from kept") == 7


def test_an_immediate_stop_takes_no_time_though_a_backend_is_busy(any_binaries: Binaries) -> None:
    with ScratchServer(any_binaries) as server:

        def loop() -> None:
            with pytest.raises(DbopsError):
                show(server, "do $$ begin loop null; end loop; end $$")

        thread = threading.Thread(target=loop)
        thread.start()
        while not show(server, "select count(*) from pg_stat_activity where query like 'do %'"):
            pass
        server.stop()
        assert registry.processes_in(server.directory) == []
        thread.join()


def test_a_server_outlives_the_thread_that_started_it(any_binaries: Binaries) -> None:
    server = ScratchServer(any_binaries)
    thread = threading.Thread(target=server.__enter__)
    thread.start()
    thread.join()
    with server._stack:
        assert show(server, "select 1") == 1


def test_a_directory_for_the_server_is_private_and_its_own(guarded: ScratchServer) -> None:
    archive = guarded.own_directory("archive")
    owner = guarded.data_directory.stat().st_uid
    assert (stat.S_IMODE(archive.stat().st_mode), archive.stat().st_uid) == (0o700, owner)


def test_the_server_cannot_write_where_dbops_does(guarded: ScratchServer, as_root: None) -> None:
    status = guarded.directory.stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o711)


def test_a_server_that_was_never_started_says_so(any_binaries: Binaries) -> None:
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = ScratchServer(any_binaries).pid
