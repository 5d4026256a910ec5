"""The one place that starts programs."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection import process, registry
from dbops.connection.process import Running, ask, ask_itself, run, start
from dbops.connection.run_as import unprivileged
from dbops.errors import DeadlineError, PrivilegeError, ProgramFailedError, ProgramMissingError, UnavailableError
from dbops.secrets import remember

if TYPE_CHECKING:
    from collections.abc import Callable

SHELL = Path("/bin/sh")


def sh(script: str, output: Path, **settings: Any) -> Any:
    return run(SHELL, ["-c", script], output=output, **{"deadline": 30.0, **settings})


def is_gone(pid: int, seconds: float = 10.0) -> bool:
    """Tell whether a process ends within `seconds`; a zombie has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def read_pid(path: Path) -> int:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.01)
    pytest.fail(f"{path} was not written")


def test_an_exit_code_is_recorded_and_not_raised(tmp_path: Path) -> None:
    completed = sh("echo out; echo err >&2; exit 3", tmp_path / "p")
    assert (completed.exit_code, completed.stdout.read_text(), completed.stderr.read_text()) == (3, "out\n", "err\n")


def test_the_duration_is_in_milliseconds(tmp_path: Path) -> None:
    assert 200 <= sh("sleep 0.2", tmp_path / "p").duration_ms < 5000


def test_check_quotes_the_last_words_of_a_program_that_failed(tmp_path: Path) -> None:
    completed = sh("seq 100 >&2; exit 1", tmp_path / "p")
    with pytest.raises(ProgramFailedError) as caught:
        completed.check(hint="try again")
    assert caught.value.message == "sh ended with exit code 1: 96\n97\n98\n99\n100"
    assert caught.value.hint == "try again"


def test_check_names_the_signal_that_ended_a_program(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailedError, match="was ended by SIGSEGV"):
        sh("kill -SEGV $$", tmp_path / "p").check()


def test_check_returns_a_program_that_succeeded(tmp_path: Path) -> None:
    completed = sh("exit 0", tmp_path / "p")
    assert completed.check() is completed


def test_a_quoted_secret_is_masked(tmp_path: Path) -> None:
    remember("Canary-7f3a-quoted")
    (tmp_path / "secret").write_text("wrong password Canary-7f3a-quoted\n")
    with pytest.raises(ProgramFailedError) as caught:
        sh(f"cat {tmp_path}/secret >&2; exit 1", tmp_path / "p").check()
    assert caught.value.message == "sh ended with exit code 1: wrong password ***"


def test_megabytes_on_both_streams_do_not_stop_a_program(tmp_path: Path) -> None:
    completed = sh("head -c 8000000 /dev/zero >&2; head -c 3000000 /dev/zero", tmp_path / "p")
    assert (completed.exit_code, completed.stderr.stat().st_size) == (0, 8000000)
    assert completed.stdout.stat().st_size == 3000000


def test_output_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    completed = sh("true", tmp_path / "p")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (completed.stdout, completed.stderr)} == {0o600}


def test_output_never_follows_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "p.err").symlink_to(tmp_path / "victim")
    with pytest.raises(UnavailableError, match=r"p\.err"):
        sh("echo gone >&2", tmp_path / "p")
    assert (tmp_path / "victim").read_text() == "precious"


def test_stdout_can_go_to_a_file_of_its_own(tmp_path: Path) -> None:
    sh("echo listing", tmp_path / "p", stdout=tmp_path / "listing.txt")
    assert (tmp_path / "listing.txt").read_text() == "listing\n"


def test_there_is_nothing_on_stdin(tmp_path: Path) -> None:
    assert sh("cat", tmp_path / "p", deadline=10.0).exit_code == 0


def test_a_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    with pytest.raises(DeadlineError, match=r"sh was still running after 0\.5 s"):
        sh(f"sleep 100 & echo $! > {tmp_path}/pid; wait", tmp_path / "p", deadline=0.5)
    assert is_gone(read_pid(tmp_path / "pid"))


def test_what_a_program_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    assert sh(f"sleep 100 & echo $! > {tmp_path}/pid", tmp_path / "p").exit_code == 0
    assert is_gone(read_pid(tmp_path / "pid"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_interrupts_the_wait_ends_the_group(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupt() -> None:
        if (tmp_path / "pid").exists():
            raise error

    with pytest.raises(error):
        sh(f"sleep 100 & echo $! > {tmp_path}/pid; wait", tmp_path / "p", on_tick=interrupt)
    assert is_gone(read_pid(tmp_path / "pid"))


def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    running = start(SHELL, ["-c", "trap '' TERM; echo $$; while :; do sleep 1; done"], stdout=tmp_path / "pid",
                    stderr=tmp_path / "err")  # fmt: skip
    read_pid(tmp_path / "pid")
    running.end(grace=0.2)
    assert running.wait(0) == -signal.SIGKILL


def test_a_program_may_clean_up_before_it_ends(tmp_path: Path) -> None:
    script = f"trap 'echo done > {tmp_path}/cleaned; exit' TERM; echo $$; while :; do sleep 0.05; done"
    with start(SHELL, ["-c", script], stdout=tmp_path / "pid", stderr=tmp_path / "err"):
        read_pid(tmp_path / "pid")
    assert (tmp_path / "cleaned").read_text() == "done\n"


def test_ticks_come_while_a_program_runs(tmp_path: Path) -> None:
    ticks: list[float] = []
    sh("sleep 0.55", tmp_path / "p", on_tick=lambda: ticks.append(time.monotonic()))
    assert 3 <= len(ticks) <= 6


def test_a_secret_on_the_command_line_is_refused_before_anything_starts(tmp_path: Path) -> None:
    remember("Canary-7f3a-argument")
    with pytest.raises(ValueError, match="argument 2 of sh holds a secret") as caught:
        sh(f"touch {tmp_path}/started # Canary-7f3a-argument", tmp_path / "p")
    assert "Canary" not in str(caught.value)
    assert not (tmp_path / "started").exists()


def test_a_url_with_a_password_is_refused_even_when_nobody_remembered_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds a secret"):
        run(SHELL, ["postgresql://me:Unknown1@host/db"], output=tmp_path / "p", deadline=1.0)


def test_a_password_that_is_also_a_name_does_not_lock_its_owner_out(tmp_path: Path) -> None:
    remember("postgres")
    assert sh("true # /usr/lib/postgresql/15/bin/postgres", tmp_path / "p").exit_code == 0


def test_the_environment_is_an_allow_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPASSWORD", "PGSERVICE", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "LC_MESSAGES", "PYTHONPATH"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    completed = run(Path("/usr/bin/env"), [], output=tmp_path / "p", deadline=10.0, environment={"PGAPPNAME": "dbops"})
    seen = dict(line.split("=", 1) for line in completed.stdout.read_text().splitlines())
    own = {name: value for name, value in seen.items() if name not in process._INHERITED}
    assert own == {"LC_ALL": "C", "TZ": "UTC", "PGAPPNAME": "dbops"}


@pytest.mark.parametrize("argument", ["grün 'and' \"quoted\" \n", "\udcff\udcfe", "--", "-c", ""])
def test_arguments_arrive_byte_for_byte(tmp_path: Path, argument: str) -> None:
    completed = run(SHELL, ["-c", 'printf %s "$1"', "sh", argument], output=tmp_path / "p", deadline=10.0)
    assert completed.stdout.read_bytes() == os.fsencode(argument)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissingError, match=r"/nowhere/pg_dump cannot be started: No such file or directory"):
        run(Path("/nowhere/pg_dump"), [], output=tmp_path / "p", deadline=1.0)


def test_a_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    (tmp_path / "pg_dump").write_text("not executable")
    with pytest.raises(ProgramMissingError, match="Permission denied"):
        run(tmp_path / "pg_dump", [], output=tmp_path / "p", deadline=1.0)


def test_ask_returns_what_a_program_prints() -> None:
    assert ask(SHELL, "-c", "echo ' 42 '") == "42"


def test_ask_raises_when_the_answer_is_no() -> None:
    with pytest.raises(ProgramFailedError, match="ended with exit code 7: nope"):
        ask(SHELL, "-c", "echo nope; exit 7")


def test_a_program_has_a_process_group_and_a_session_of_its_own(tmp_path: Path) -> None:
    with start(Path("/bin/sleep"), ["100"], stdout=tmp_path / "out", stderr=tmp_path / "err") as running:
        assert (os.getpgid(running.pid), os.getsid(running.pid)) == (running.pid, running.pid)


def test_a_program_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[Running] = []

    def work() -> None:
        started.append(start(Path("/bin/sleep"), ["100"], stdout=tmp_path / "out", stderr=tmp_path / "err"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with started[0] as running:
        assert running.wait(0.3) is None


def test_a_program_dies_with_dbops_even_by_kill_9(tmp_path: Path, python: Callable[..., Any]) -> None:
    child = python(f"""
from dbops.connection.process import run
say(0)
run(Path("/bin/sh"), ["-c", "echo $$ > {tmp_path}/pid; exec sleep 100"], output=Path("{tmp_path}/p"), deadline=None)
""")
    pid = read_pid(tmp_path / "pid")
    child.kill()
    child.wait()
    assert is_gone(pid)


def test_root_runs_a_program_as_somebody_else_without_groups_or_home(as_root: None, open_directory: Path) -> None:
    user = unprivileged()
    assert user is not None
    completed = run(
        SHELL, ["-c", "id -u; id -g; id -G; echo ${HOME-none}"], output=open_directory / "p", deadline=10.0, run_as=user
    )
    assert completed.stdout.read_text().split() == [str(user.uid), str(user.gid), str(user.gid), "none"]


def test_a_root_without_capabilities_gets_one_clear_error(as_root: None, told: Callable[..., Any]) -> None:
    script = """
from dbops.connection.process import run
from dbops.connection.run_as import unprivileged
try:
    run(Path("/bin/true"), [], output=Path("/tmp/dbops-test-never"), deadline=9.0, run_as=unprivileged())
except DbopsError as error:
    say([type(error).__name__, error.exit_code, error.hint])
finally:
    for path in ("/tmp/dbops-test-never.out", "/tmp/dbops-test-never.err"):
        Path(path).unlink()
"""
    wrapper = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    assert told(script, wrapper=wrapper) == [
        PrivilegeError.__name__,
        3,
        "run dbops as an ordinary user, or give the container CAP_SETUID, CAP_SETGID and CAP_CHOWN",
    ]


def test_a_program_that_does_not_say_what_it_is_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho it is 1; echo bad option >&2; test $1 = --version\n")
    program.chmod(0o755)
    assert "it is 1" == ask_itself(program, "--version")
    with pytest.raises(ProgramFailedError, match="ended with exit code 1: bad option"):
        ask_itself(program, "--other")
    with pytest.raises(ProgramMissingError, match="cannot be started: No such file"):
        ask_itself(tmp_path / "nothing", "--version")


def test_a_program_that_never_says_what_it_is_is_ended(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid; sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(DeadlineError):
        ask_itself(program, deadline=0.5)
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_nothing_is_left_of_a_question_wherever_dbops_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program says of itself is in no file that has a name; any other answer is in a directory on record."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nls -A $TMPDIR\n")
    program.chmod(0o755)
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    assert "" == ask_itself(program)
    with monkeypatch.context() as within:
        within.setattr(registry.Lease, "end", lambda lease: os.close(lease.descriptor))  # as after kill -9
        name = ask(program)
    assert [place / name] == [one for one in registry.sweep() if one.parent == place]
    assert [] == list(place.iterdir())
