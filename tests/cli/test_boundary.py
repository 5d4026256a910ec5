"""Every ending is one report, one message and one exit code."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from dbops import __version__
from dbops.cli.app import COMMANDS, command_line
from dbops.cli.audit import AuditOptions
from dbops.cli.backup import BackupOptions
from dbops.cli.boundary import Invocation, answer
from dbops.cli.doctor import DoctorOptions
from dbops.cli.options import CommonOptions, Outcome, command
from dbops.cli.running import time_limit_of
from dbops.errors import ConnectionFailedError, DamageError, StoppedError
from dbops.evidence.run import report_without_run
from dbops.model import TargetInfo, Verdict
from dbops.render.summary import next_command
from dbops.secrets import remember

if TYPE_CHECKING:
    from conftest import Dbops

HEAVY = ("psycopg", "pydantic_settings", "jinja2", "cryptography", "rich")


def test_the_version_is_printed(dbops: Dbops) -> None:
    answered = dbops("--version")
    assert (0, f"dbops {__version__}\n", "") == (answered.code, answered.out, answered.err)


def test_no_command_prints_the_help_and_exits_2(dbops: Dbops) -> None:
    answered = dbops()
    assert 2 == answered.code
    assert "" == answered.out
    assert "Usage: dbops" in answered.err


def loaded_by(*words: str) -> str:
    """Return which of the heavy modules a command line loads."""
    code = (
        "import sys; from dbops.__main__ import main; assert main(sys.argv[1:]) == 0;"
        f"print([name for name in {(*HEAVY, 'pydantic')!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert "Usage: dbops" in done.stdout
    return done.stderr.strip()


def test_help_loads_nothing_heavy() -> None:
    assert "[]" == loaded_by("--help")


@pytest.mark.parametrize("command_name", ["audit", "backup", "drill", "suite", "demo", "doctor", "init", "config"])
def test_help_of_a_command_loads_nothing_heavy(command_name: str) -> None:
    # Typer itself loads pydantic for the options of a command.
    assert loaded_by(command_name, "--help") in {"[]", "['pydantic']"}


@pytest.mark.parametrize("words", [("--help",), ("audit", "--help"), ("backup", "list", "--help")])
def test_only_the_command_that_is_named_is_loaded(words: tuple[str, ...]) -> None:
    others = {f"dbops.cli.{name}" for name in COMMANDS} - {f"dbops.cli.{words[0]}"}
    code = "import sys; from dbops.__main__ import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert set() == others & set(done.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_itself(name: str) -> None:
    said = command_line().get_command(None, name).help
    assert said.startswith(COMMANDS[name].rstrip("."))


def test_help_in_a_ci_log_has_no_escape_sequences() -> None:
    environment = {**os.environ, "GITHUB_ACTIONS": "true", "FORCE_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "dbops", "audit", "--help"], capture_output=True, env=environment, check=True
    )
    assert b"\x1b" not in done.stdout


def test_an_unknown_command_names_the_nearest(dbops: Dbops) -> None:
    answered = dbops("adit")
    assert 2 == answered.code
    assert "No such command 'adit'. Did you mean 'audit'?" in answered.err


def test_a_group_without_a_command_says_which_there_are(dbops: Dbops) -> None:
    answered = dbops("evidence")
    assert (2, "") == (answered.code, answered.out)
    first, second = answered.err.splitlines()
    assert "dbops evidence: name one of its commands: verify, report, keygen, rotate" == first
    assert "dbops evidence --help says what each of them does" == second.strip()


def test_an_unknown_option_names_the_nearest(dbops: Dbops) -> None:
    answered = dbops("audit", "--databse-url=postgresql://u:s3cr3t-word@h/d")
    assert 2 == answered.code
    assert "did you mean --database-url?" in answered.err
    assert "s3cr3t-word" not in answered.out + answered.err


def test_an_unknown_option_with_json_is_one_report(dbops: Dbops) -> None:
    answered = dbops("audit", "--json", "--nope")
    assert 2 == answered.code
    assert ("audit", "inconclusive", 2) == tuple(answered.report[name] for name in ("command", "verdict", "exitCode"))
    assert "No such option: --nope" in answered.report["problem"]["message"]


def test_the_name_of_a_subcommand_stands_in_the_report_of_its_failure(dbops: Dbops) -> None:
    assert "config show" == dbops("config", "show", "--format", "json", "--nope").report["command"]


@pytest.mark.parametrize(
    "words",
    [
        ["config", "show", "--format", "junit"],
        ["backup", "--format=sarif"],
        ["backup", "--output", "report.sarif"],
    ],
)
def test_a_format_that_a_command_cannot_render_exits_2(dbops: Dbops, words: list[str]) -> None:
    answered = dbops(*words)
    assert (2, "") == (answered.code, answered.out)
    assert "this command has no result that can be shown as" in answered.err
    assert [] == list(Path().glob("report.*"))


def test_a_page_is_no_run_that_passed(dbops: Dbops) -> None:
    answered = dbops("audit", "--explain", "fk-without-index", "--format", "sarif")
    assert 2 == answered.code
    assert "a list cannot be shown as 'sarif'" in answered.err
    assert [2] == [run["invocations"][0]["exitCode"] for run in json.loads(answered.out)["runs"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--json", "--format", "table"], "contradict"),
        (["--quiet", "--verbose"], "contradict"),
        (["--output", "report.doc"], "'.doc'"),
        (["--output", "nowhere/report.json"], "there is no directory"),
    ],
)
def test_options_that_do_not_go_together_exit_2(dbops: Dbops, words: list[str], said: str) -> None:
    answered = dbops("audit", *words)
    assert 2 == answered.code
    assert said in answered.err
    assert 1 == answered.err.count("dbops audit: ")


def ended_by(error: BaseException, *words: str) -> int:
    """Answer for a command that ends with `error`."""
    app = typer.Typer(rich_markup_mode=None)

    @app.callback()
    def root() -> None: ...

    @command(app, "fall", CommonOptions)
    def fall(options: CommonOptions) -> Outcome:
        raise error

    return answer(Invocation(["fall", *words], "fall"), typer.main.get_group(app))


def test_a_bug_exits_70_with_a_short_message(capsys: pytest.CaptureFixture[str], bare_environment: Path) -> None:
    remember("hunter2-canary")
    assert 70 == ended_by(KeyError("hunter2-canary"))
    out, err = capsys.readouterr()
    assert "" == out
    assert "internal error: KeyError" in err
    assert "DBOPS_DEBUG=1" in err
    assert "Traceback" not in err
    assert "hunter2-canary" not in err


def test_a_bug_shows_its_traceback_when_asked_and_no_secret(
    capsys: pytest.CaptureFixture[str], bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBOPS_DEBUG", "1")
    remember("hunter2-canary")
    assert 70 == ended_by(ValueError("password is hunter2-canary"), "--json")
    out, err = capsys.readouterr()
    assert 70 == json.loads(out)["exitCode"]
    assert "Traceback" in err
    assert "hunter2-canary" not in out + err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionFailedError("no", hint="start it"), 3),
        (DamageError("broken"), 1),
        (StoppedError(15), 143),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (RuntimeError("x"), 70),
    ],
)
def test_each_ending_has_its_exit_code_and_one_report(
    capsys: pytest.CaptureFixture[str], bare_environment: Path, error: BaseException, code: int
) -> None:
    assert code == ended_by(error, "--json")
    out, err = capsys.readouterr()
    assert code == json.loads(out)["exitCode"]
    assert err.startswith("dbops fall: ")


def test_hostile_text_in_a_message_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], bare_environment: Path
) -> None:
    ended_by(ConnectionFailedError("no role \x1b]0;owned\x07 [bold red]x[/]\u202e", hint="\x1b[2Jrun this"))
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\x07" not in err
    assert "\u202e" not in err
    assert "[bold red]x[/]" in err


def test_a_report_goes_to_every_file_asked_for_even_when_the_command_fails(
    capsys: pytest.CaptureFixture[str], bare_environment: Path
) -> None:
    ended_by(ConnectionFailedError("nobody there"), "--output", "a.json", "--output", "b.txt")
    assert "nobody there" == json.loads((bare_environment / "a.json").read_text())["problem"]["message"]
    assert "nobody there" in (bare_environment / "b.txt").read_text()
    assert "" == capsys.readouterr().out


def run_child(code: str, **streams: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=False, text=True, **streams)  # type: ignore[call-overload]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("dbops au", "audit"),
        ("dbops audit --fail", "--fail-on"),
        ("dbops backup v", "verify"),
        ("dbops nonsense x", ""),
    ],
)
def test_a_shell_completes_commands_and_options(words: str, completed: str, bare_environment: Path) -> None:
    program = bare_environment / "dbops"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dbops "$@"\n')
    program.chmod(0o755)
    script = subprocess.run([program, "--show-completion", "bash"], check=True, text=True, capture_output=True).stdout
    typed = f"COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; _dbops_completion {program}"
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{typed}; echo ${{COMPREPLY[*]}}"], check=True, text=True, capture_output=True
    )
    assert (completed, "") == (done.stdout.strip(), done.stderr)


def test_a_reader_that_went_away_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run_child(
        "import sys; from dbops.__main__ import main; sys.exit(main(['audit', '--json', '--nope']))",
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    assert 2 == done.returncode
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_reader_of_a_page_that_went_away_is_no_verdict(bare_environment: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run_child(
        "import sys; from dbops.__main__ import main; sys.exit(main(['doctor']))",
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=bare_environment,
    )
    os.close(writing)
    assert 141 == done.returncode
    assert "" == done.stderr


@pytest.mark.parametrize("words", [["config", "show"], ["--help"], ["audit", "--help"], ["--version"]])
def test_a_full_disk_behind_stdout_is_said_and_does_not_pass(bare_environment: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = run_child(
            f"import sys; from dbops.__main__ import main; sys.exit(main({words!r}))",
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=bare_environment,
        )
    assert 5 == done.returncode
    assert "standard output cannot be written to" in done.stderr
    assert "Traceback" not in done.stderr


_STOPPED_WHILE_IT_TRIES = """
import os, signal, sys
from dbops.__main__ import main

really = os.open

def opened(path, *rest, **more):
    descriptor = really(path, *rest, **more)
    if str(path).startswith(os.environ["TMPDIR"]):
        signal.raise_signal(signal.SIGTERM)
    return descriptor

os.open = opened
sys.exit(main(["backup", "--database-url=postgresql://me@127.0.0.1:1/none"]))
"""


def test_what_is_tried_in_the_temporary_directory_is_not_left_there(
    bare_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    done = run_child(_STOPPED_WHILE_IT_TRIES, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=bare_environment)
    assert (143, []) == (done.returncode, list(temporary.iterdir()))


def test_a_python_without_docstrings_is_told_what_to_unset(bare_environment: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-OO", "-m", "dbops", "audit", "--json"], capture_output=True, text=True, check=False
    )
    assert (2, 2) == (done.returncode, json.loads(done.stdout)["exitCode"])
    assert "unset PYTHONOPTIMIZE" in done.stderr


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what a descriptor is, is read from /proc")
def test_no_file_takes_the_place_of_a_stream_that_was_closed() -> None:
    script = (
        "import os, sys\nfrom dbops.__main__ import main\nmain(['--version'])\n"
        "os.write(int(sys.argv[1]), ' '.join(os.readlink(f'/proc/self/fd/{n}') for n in range(3)).encode())"
    )
    reader, writer = os.pipe()
    closing = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(script)} {writer} <&- >&- 2>&-"
    subprocess.run(["/bin/sh", "-c", closing], pass_fds=[writer], check=True)
    os.close(writer)
    with os.fdopen(reader) as told:
        assert told.read() == "/dev/null /dev/null /dev/null"


def test_a_closed_stdout_and_stderr_do_no_harm() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{shlex.quote(sys.executable)} -m dbops audit --nope >&- 2>&-"], check=False
    )
    assert 2 == done.returncode


def test_the_next_command_can_be_pasted_whatever_the_directories_are_called() -> None:
    options = CommonOptions(log_dir=Path("my logs; rm"))
    assert " --log-dir='my logs; rm'" == options.view(Outcome(report_without_run("audit")), problem=False).again


def test_what_follows_a_doctor_is_an_audit_with_the_options_that_an_audit_knows() -> None:
    looked = TargetInfo(host="db", port=5432, database="erp", user="me")
    report = report_without_run("doctor").model_copy(update={"verdict": Verdict.PASS, "target": looked})
    again = " --database-url=... --log-dir='my logs' --backup-dir='my backups'"
    assert "dbops audit --database-url=... '--log-dir=my logs'" == next_command(report, again)


def test_an_audit_and_a_doctor_end_by_themselves_and_a_backup_takes_the_time_it_needs() -> None:
    usual = {kind: time_limit_of(kind()) for kind in (AuditOptions, DoctorOptions, BackupOptions)}
    assert {AuditOptions: 120.0, DoctorOptions: 120.0, BackupOptions: None} == usual
    assert 600.0 == time_limit_of(AuditOptions(timeout="10m"))
