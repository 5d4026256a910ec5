"""Bad input gets one clear message with what to type next, the documented exit code, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from dbops.connection.binaries import find_server
from dbops.connection.registry import sweep
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Dbops, UrlOf
    from dbops.connection.target import Target

CANARY = "c4nary!Passw0rd"
COMMANDS = ("audit", "backup", "drill", "suite")


@pytest.fixture(scope="module")
def guarded_server() -> Iterator[ScratchServer]:
    """A server that asks for passwords."""
    with ScratchServer(find_server(None, environ=os.environ), auth="scram-sha-256") as server:
        yield server


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_target_the_message_says_how_to_name_one(dbops: Dbops, bare_environment: Path, command: str) -> None:
    answered = dbops(command)
    assert (2, "") == (answered.code, answered.out)
    assert "no database is named" in answered.err
    assert "--database-url" in answered.err
    assert "dbops demo" in answered.err
    assert [] == list(bare_environment.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_target_json_is_one_report(dbops: Dbops, command: str) -> None:
    answered = dbops(command, "--json")
    assert (command, 2) == (answered.report["command"], answered.report["exitCode"])
    assert "no database is named" == answered.report["problem"]["message"]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unreachable_server_exits_3_and_the_attempt_is_kept(
    dbops: Dbops, bare_environment: Path, closed_port: int, command: str
) -> None:
    answered = dbops(command, "--json", f"--database-url=postgresql://me:{CANARY}@127.0.0.1:{closed_port}/erp")
    assert (3, 3, "inconclusive") == (answered.code, answered.report["exitCode"], answered.report["verdict"])
    problem = (answered.report["reports"] or [answered.report])[0]["problem"]
    assert f"127.0.0.1:{closed_port}" in problem["message"]
    assert "--database-url" in problem["message"]
    assert problem["hint"]
    kept = [json.loads(path.read_text()) for path in bare_environment.glob(f"logs/*/{answered.report['runId']}.json")]
    assert [answered.report] == kept
    assert CANARY not in answered.out + answered.err
    assert CANARY.encode() not in everything_in(bare_environment)


def everything_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_a_working_directory_that_has_been_removed_exits_2(dbops: Dbops, bare_environment: Path) -> None:
    bare_environment.rmdir()
    answer = dbops("evidence", "verify")
    assert (2, "") == (answer.code, answer.out)
    assert "the working directory has been removed" in answer.err


def test_an_unreachable_server_is_told_on_stderr_and_the_record_is_named(
    dbops: Dbops, bare_environment: Path, closed_port: int
) -> None:
    answered = dbops("audit", f"--database-url=postgresql://me@127.0.0.1:{closed_port}/erp")
    assert 3 == answered.code
    assert answered.err.startswith("dbops audit: cannot connect to")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_password_exits_3_and_shows_no_password(
    dbops: Dbops, bare_environment: Path, guarded_server: ScratchServer, url_of: UrlOf, command: str
) -> None:
    answered = dbops(command, "--json", "--database-url", url_of(guarded_server.target(), password=CANARY))
    assert 3 == answered.code
    assert 3 == answered.report["exitCode"]
    assert "password authentication failed" in answered.out
    assert CANARY not in answered.out + answered.err
    assert CANARY.encode() not in everything_in(bare_environment)


def test_a_right_password_is_in_no_output_and_no_file(
    dbops: Dbops, bare_environment: Path, guarded_server: ScratchServer, url_of: UrlOf
) -> None:
    with scratch(guarded_server, "postgres") as connection:
        connection.execute(f"create role known login superuser password '{CANARY}'")
    url = url_of(guarded_server.target(user="known"), password=CANARY)
    answers = [
        dbops("audit", "--select=no-primary-key", "--database-url", url, "--json"),
        dbops("backup", "--database-url", url, "--verbose"),
        dbops("drill", "--depth=schema", "--database-url", url, "--output", "drill.json", "--output", "drill.txt"),
        dbops("doctor", "--database-url", url),
        dbops("init", "--database-url", url),
        dbops("config", "show", "--database-url", url),
    ]
    assert [0, 0, 0, 0, 0, 0] == [answered.code for answered in answers]
    assert not [answered for answered in answers if CANARY in answered.out + answered.err]
    assert CANARY.encode() not in everything_in(bare_environment)


def test_sql_for_a_schema_that_is_called_like_the_password_runs_as_printed(
    dbops: Dbops, guarded_server: ScratchServer, url_of: UrlOf
) -> None:
    with scratch(guarded_server, "postgres") as connection:
        connection.execute("create role dbops_app login password 'dbops_app'")
        connection.execute("create schema dbops_app create table keyless (id int)")
    url = url_of(guarded_server.target(user="dbops_app"), password="dbops_app")
    answered = dbops("audit", "--select=no-primary-key", "--json", "--database-url", url)
    (check,) = answered.report["checks"]
    assert ["dbops_app.keyless"] == [finding["object"] for finding in check["findings"]]
    assert check["findings"][0]["fix"].startswith("alter table dbops_app.keyless add ")


def test_a_missing_database_exits_3_and_is_named(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    answered = dbops("audit", "--database-url", url_of(database, database="nowhere"))
    assert 3 == answered.code
    assert "nowhere" in answered.err


def test_an_unknown_key_in_dbops_toml_names_the_line_and_the_nearest(dbops: Dbops, bare_environment: Path) -> None:
    (bare_environment / "dbops.toml").write_text("[objectives]\nrpoo = '15m'\n")
    answered = dbops("audit", "--json")
    assert (2, 2) == (answered.code, answered.report["exitCode"])
    assert "dbops.toml:2" in answered.report["problem"]["message"]
    assert "rpo" in answered.report["problem"]["message"]


def test_a_password_in_dbops_toml_is_refused_and_not_shown(dbops: Dbops, bare_environment: Path) -> None:
    (bare_environment / "dbops.toml").write_text(f'database_url = "postgresql://me:{CANARY}@h/d"\n')
    answered = dbops("audit", "--json")
    assert 2 == answered.code
    assert CANARY not in answered.out + answered.err


def test_a_configuration_that_is_not_there_exits_2(dbops: Dbops) -> None:
    answered = dbops("audit", "--config", "nowhere.toml")
    assert 2 == answered.code
    assert "nowhere.toml" in answered.err


@pytest.mark.parametrize(
    "words", [("backup", "--backup-dir="), ("audit", "--json", "--log-dir", ""), ("drill", "--artifact=")]
)
def test_a_name_that_is_empty_is_not_taken_for_the_working_directory(
    dbops: Dbops, bare_environment: Path, words: tuple[str, ...]
) -> None:
    answered = dbops(*words, "--database-url=postgresql://me@h/d")
    assert 2 == answered.code
    assert " is empty\n  is the variable it is taken from set?" in answered.err
    assert [] == list(bare_environment.iterdir())


def test_a_report_is_not_written_over_a_directory(dbops: Dbops, bare_environment: Path) -> None:
    (bare_environment / "reports.json").mkdir()
    answered = dbops("audit", "--output=reports.json", "--database-url=postgresql://me@h/d")
    assert (2, True) == (answered.code, "--output reports.json: that is a directory" in answered.err)


def test_an_empty_directory_in_dbops_toml_is_not_taken_for_the_working_directory(
    dbops: Dbops, bare_environment: Path
) -> None:
    (bare_environment / "dbops.toml").write_text("[backup]\ndir = ''\n")
    answered = dbops("backup", "--database-url=postgresql://me@h/d")
    assert 2 == answered.code
    assert "dbops.toml:2: backup.dir is empty" in answered.err


def test_a_configuration_without_an_end_is_none(dbops: Dbops) -> None:
    answered = dbops("audit", "--config", "/dev/zero")
    assert 2 == answered.code
    assert "/dev/zero is no configuration: it is longer than 1 MiB" in answered.err


def make_world_writable(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o777)


def make_link(directory: Path) -> None:
    (directory.parent / "elsewhere").mkdir(mode=0o700)
    directory.symlink_to(directory.parent / "elsewhere")


def make_file(directory: Path) -> None:
    directory.write_text("")


@pytest.mark.parametrize("make", [make_world_writable, make_link, make_file])
def test_an_unsafe_log_directory_exits_5_and_nothing_is_kept(
    dbops: Dbops,
    bare_environment: Path,
    database: Target,
    url_of: UrlOf,
    make: Callable[[Path], None],
) -> None:
    make(bare_environment / "logs")
    answered = dbops("audit", "--json", "--database-url", url_of(database))
    assert (5, 5) == (answered.code, answered.report["exitCode"])
    assert "logs" in answered.report["problem"]["message"]
    assert b"" == everything_in(bare_environment)


@pytest.mark.parametrize("words", [("backup",), ("drill",), ("demo", "--broken")])
def test_without_a_temporary_directory_the_message_says_how_to_name_one(
    dbops: Dbops, database: Target, url_of: UrlOf, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    url = url_of(database)
    make_every_directory_read_only(monkeypatch)
    answered = dbops(*words, *([] if words[0] == "demo" else ["--database-url", url]))
    assert 3 == answered.code
    assert f"dbops {words[0]}: no temporary directory is writable here\n  name one with TMPDIR\n" in answered.err


def test_a_doctor_finds_that_there_is_no_temporary_directory(
    dbops: Dbops, database: Target, url_of: UrlOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(database)
    make_every_directory_read_only(monkeypatch)
    answered = dbops("doctor", "--json", "--database-url", url)
    assert 1 == answered.code
    found = {check["check"]: check["status"] for check in answered.report["checks"]}
    assert ("fail", "skip") == (found["disk-space"], found["restore-space"])


def make_every_directory_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", refuse)


@pytest.mark.parametrize("words", ["x", "10", "0s", "-5m"])
def test_a_time_limit_that_is_none_exits_2(dbops: Dbops, closed_port: int, words: str) -> None:
    answered = dbops("audit", f"--timeout={words}", f"--database-url=postgresql://me@127.0.0.1:{closed_port}/erp")
    assert 2 == answered.code
    assert "--timeout" in answered.err


def test_options_before_a_subcommand_are_refused_instead_of_lost(dbops: Dbops) -> None:
    answered = dbops("backup", "--backup-dir=somewhere", "list")
    assert 2 == answered.code
    assert "--backup-dir must come after 'list'" in answered.err


def test_an_option_before_its_command_is_told_to_follow_it(dbops: Dbops) -> None:
    answered = dbops("--quiet", "audit")
    assert 2 == answered.code
    assert "options follow the command" in answered.err


def test_an_unknown_rule_names_the_nearest(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    answered = dbops("audit", "--select=fk-without-indx", "--database-url", url_of(database))
    assert 2 == answered.code
    assert "fk-without-index" in answered.err


def test_the_time_limit_ends_a_server_that_never_answers(dbops: Dbops, silent_port: int) -> None:
    began = time.monotonic()
    answered = dbops("audit", "--json", "--timeout=1s", f"--database-url=postgresql://me@127.0.0.1:{silent_port}/erp")
    assert time.monotonic() - began < 60  # an audit gives up by itself after two minutes
    assert (3, 3) == (answered.code, answered.report["exitCode"])


@pytest.fixture
def heard_by_children() -> Iterator[None]:
    """Let SIGHUP reach children even where the tests run under nohup: what is ignored is inherited, a handler not."""
    before = signal.signal(signal.SIGHUP, lambda *_: None)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)]
)
def test_a_signal_ends_a_run_with_its_report_and_nothing_left_behind(
    bare_environment: Path, silent_port: int, heard_by_children: None, number: signal.Signals, code: int
) -> None:
    url = f"postgresql://me@127.0.0.1:{silent_port}/erp"
    with subprocess.Popen(
        [sys.executable, "-m", "dbops", "audit", "--json", "--database-url", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: b"run.started" in everything_in(bare_environment))
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert code == process.returncode
    assert code == json.loads(out)["exitCode"]
    assert "Traceback" not in err
    assert b"run.aborted" in everything_in(bare_environment)


def test_a_signal_ends_the_servers_of_a_demo(bare_environment: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "dbops", "demo", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: "postgres" in " ".join(descendants(process.pid).values()))
        started = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert 130 == process.returncode
    assert "stopped by signal 2" in err
    assert [130, "inconclusive"] == [json.loads(out)[name] for name in ("exitCode", "verdict")]
    # The kernel may need a moment to take a killed process away.
    wait_until(lambda: not set(started) & set(processes()))


def test_what_a_killed_demo_leaves_is_removed_by_the_next_run(bare_environment: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "dbops", "demo", "--quiet"], env={**os.environ, "TMPDIR": str(temporary)}
    ) as process:
        wait_until(lambda: "postgres" in " ".join(descendants(process.pid).values()))
        assert list(temporary.iterdir())
        process.kill()

    def swept() -> bool:
        sweep()
        return not list(temporary.iterdir())

    wait_until(swept)  # others sweep too, and may be at it


def processes() -> dict[int, tuple[int, str]]:
    """Return the parent and the program of every process, by pid."""
    listed = subprocess.run(["/bin/ps", "-e", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True)
    rows = (line.split(maxsplit=2) for line in listed.stdout.splitlines())
    return {int(pid): (int(parent), program) for pid, parent, program in rows}


def descendants(pid: int) -> dict[int, str]:
    """Return the programs that a process has started, and those that these have."""
    everybody = processes()
    family = {pid}
    while more := {child for child, (parent, _) in everybody.items() if parent in family} - family:
        family |= more
    return {member: everybody[member][1] for member in family - {pid} if member in everybody}


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
