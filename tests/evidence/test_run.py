"""What one run promises: on record before it starts, on record however it ends, its report sealed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from dbops import secrets
from dbops.errors import (
    ConnectionFailedError,
    DamageError,
    EvidenceBrokenError,
    EvidenceNotKeptError,
    StoppedError,
)
from dbops.evidence.answers import Question
from dbops.evidence.examine import examine
from dbops.evidence.run import Run
from dbops.evidence.signals import stoppable
from dbops.model import Artifact, Check, CheckStatus, Report, TargetInfo, Tool, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.evidence.keys import Signer


def records(logs: Path) -> list[dict[str, Any]]:
    lines = (logs / "evidence" / "log.jsonl").read_bytes().splitlines()
    return [json.loads(line)["statement"]["predicate"] for line in lines]


def kinds(logs: Path) -> list[str]:
    return [record["type"] for record in records(logs)]


def test_the_start_is_on_record_before_the_caller_gets_the_run(logs: Path) -> None:
    with Run.start("audit", logs, "index-audit", challenge="nonce-1") as run:
        assert kinds(logs) == ["log.opened", "run.started"]
        assert (records(logs)[-1]["runId"], records(logs)[-1]["challenge"]) == (run.run_id, "nonce-1")
    assert kinds(logs) == ["log.opened", "run.started", "run.finished"]
    assert records(logs)[-1]["challenge"] == "nonce-1"


def test_the_report_that_is_kept_is_the_report_that_is_returned(logs: Path) -> None:
    with Run.start("audit", logs, "index-audit") as run:
        run.add_checks(Check(check="no-primary-key", status=CheckStatus.PASS))
    path = logs / "index-audit" / f"{run.run_id}.json"
    assert Report.model_validate_json(path.read_bytes()) == run.report
    assert path == run.report_path
    assert [path.name for path in (logs / "index-audit").iterdir()] == [f"{run.run_id}.json"]


def test_everything_kept_is_private(logs: Path) -> None:
    with Run.start("audit", logs, "index-audit") as run:
        (run.directory / "x").write_text("x")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in logs.rglob("*") if path.name != "x"}
    assert modes == {0o600, 0o700}


def test_a_report_without_a_key_says_unsigned_in_plain_words(logs: Path) -> None:
    with Run.start("audit", logs, "index-audit") as run:
        pass
    assert run.report.seal is not None
    assert run.report.seal["status"] == "unsigned"
    assert "can alter this report" in run.report.seal["note"]
    assert run.report.seal["envelope"]["signatures"] == []


def test_a_report_with_a_key_says_signed_and_by_which_key(logs: Path, signer: Signer) -> None:
    with Run.start("audit", logs, "index-audit", signer=signer) as run:
        pass
    assert run.report.seal is not None
    assert run.report.seal["status"] == "signed"
    assert [it["keyid"] for it in run.report.seal["envelope"]["signatures"]] == [signer.keyid]


def test_steps_keep_their_order_their_times_and_how_they_ended(logs: Path, moving: Any) -> None:
    with Run.start("drill", logs, "backup-drill", clock=moving.clock) as run:
        with run.step("restore"), run.step("restore/data") as data:
            data.exit_code = 0
            data.output = "x/pg_restore.stderr"
        with run.step("verify") as verify:
            verify.fail()
            verify.inconclusive()
    assert [(step.name, step.status) for step in run.report.steps] == [
        ("restore", "pass"),
        ("restore/data", "pass"),
        ("verify", "fail"),
    ]
    assert [step.duration_ms for step in run.report.steps] == [750, 250, 250]
    assert (run.report.steps[1].exit_code, run.report.steps[1].output) == (0, "x/pg_restore.stderr")
    assert run.report.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("error", "status", "verdict", "code"),
    [
        (ConnectionFailedError("gone", hint="look"), Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, 3),
        (DamageError("rotten"), Verdict.FAIL, Verdict.FAIL, 1),
        (ZeroDivisionError("x"), Verdict.FAIL, Verdict.FAIL, 70),
    ],
)
def test_an_error_is_recorded_with_its_step_reported_and_goes_on(
    logs: Path, error: Exception, status: Verdict, verdict: Verdict, code: int
) -> None:
    with pytest.raises(type(error)) as caught, Run.start("drill", logs, "backup-drill") as run, run.step("restore"):
        raise error
    assert caught.value.report == run.report  # type: ignore[attr-defined]
    assert caught.value.kept == run.report_path  # type: ignore[attr-defined]
    assert [(status, "restore")] == [(step.status, step.name) for step in run.report.steps]
    assert (verdict, code) == (run.report.verdict, run.report.exit_code)
    assert run.report.problem is not None
    assert kinds(logs)[-1] == "run.finished"
    assert json.loads(run.report_path.read_text())["problem"]["message"] == run.report.problem.message


def test_an_unexpected_error_is_called_internal_and_names_its_kind(logs: Path) -> None:
    with pytest.raises(ZeroDivisionError), Run.start("drill", logs, "backup-drill") as run:
        raise ZeroDivisionError("by zero")
    assert run.report.problem is not None
    assert run.report.problem.message == "internal error: ZeroDivisionError: by zero"


def test_a_secret_in_any_text_of_the_report_is_masked_but_names_stay(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_known", ())
    secrets.remember("erp%40/ 'pw'")
    secrets.remember("pass")
    target = TargetInfo(host="db", port=5432, database="pass", user="pass")
    with pytest.raises(ConnectionFailedError), Run.start("audit", logs, "index-audit") as run:  # noqa: PT012
        run.target = target
        run.note("a note with erp%40/ 'pw'")
        run.not_tested("not tested because of erp%40/ 'pw'")
        run.add_checks(Check(check="x", status=CheckStatus.ERROR, reason="said erp%40/ 'pw'"))
        with run.step("restore") as step:
            step.output = "wrote erp%40/ 'pw'"
        raise ConnectionFailedError("refused erp%40/ 'pw'", hint="try erp%40/ 'pw'")
    kept = run.report_path.read_text()
    assert "erp%40" not in kept
    assert kept.count("***") == 6
    assert run.report.target == target
    assert run.report.steps[0].status is Verdict.PASS


def test_files_in_the_runs_directory_become_artifacts_with_their_digests(logs: Path) -> None:
    with Run.start("drill", logs, "backup-drill") as run:
        (run.directory / "sub").mkdir()
        (run.directory / "sub" / "listing.txt").write_text("abc")
        (run.directory / "link").symlink_to("/etc/passwd")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert run.report.artifacts == (Artifact(path=f"{run.run_id}/sub/listing.txt", sha256=digest, bytes=3),)


def test_an_artifact_elsewhere_is_named_relative_to_the_report(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "x.manifest.json").write_text("{}")
    with Run.start("backup", logs, "backup") as run:
        run.add_artifact(tmp_path / "backups" / "x.manifest.json")
    assert [it.path for it in run.report.artifacts] == ["../../backups/x.manifest.json"]
    answers = {it.name: it.answer for it in examine(logs, Question()).answers}
    assert answers["ARTIFACTS MATCH"] == "yes"


def test_tools_notes_and_untested_things_are_said_once(logs: Path) -> None:
    tool = Tool(name="pg_dump", version="15.18", sha256="0" * 64)
    with Run.start("backup", logs, "backup") as run:
        for _ in range(2):
            run.add_tool(tool)
            run.note("one")
            run.not_tested("two")
    assert [it.name for it in run.report.tools] == ["dbops", "pg_dump"]
    assert (run.report.notes, run.report.not_tested) == (("one",), ("two",))


def test_there_is_no_report_before_the_run_has_ended(logs: Path) -> None:
    with Run.start("backup", logs, "backup") as run, pytest.raises(RuntimeError, match="after it has ended"):
        _ = run.report


def test_a_group_writable_log_directory_is_noted_in_the_report(logs: Path) -> None:
    logs.mkdir()
    logs.chmod(0o770)
    with Run.start("audit", logs, "index-audit") as run:
        pass
    assert [note for note in run.report.notes if "writable by its group" in note] != []


@pytest.mark.parametrize("what", ["logs", "logs/evidence", "logs/index-audit"])
@pytest.mark.parametrize("how", ["link", "world", "file"])
def test_an_unsafe_directory_ends_the_run_before_it_starts_with_an_unsealed_report(
    tmp_path: Path, what: str, how: str
) -> None:
    path = tmp_path / what
    path.parent.mkdir(exist_ok=True)
    if how == "link":
        (tmp_path / "elsewhere").mkdir()
        path.symlink_to(tmp_path / "elsewhere")
    elif how == "world":
        path.mkdir()
        path.chmod(0o777)
    else:
        path.write_text("")
    touched = []
    with pytest.raises(EvidenceNotKeptError) as caught, Run.start("audit", tmp_path / "logs", "index-audit"):
        touched.append("the database")
    assert touched == []
    assert str(path) in caught.value.message
    assert (caught.value.report.exit_code, caught.value.report.seal) == (5, None)
    assert caught.value.report.problem.message == caught.value.message
    assert [found for found in tmp_path.rglob("*") if found.is_file() and found.stat().st_size] == []


def test_a_log_directory_deleted_during_the_run_ends_it_with_5_and_the_report_in_hand(logs: Path) -> None:
    with pytest.raises(EvidenceNotKeptError) as caught, Run.start("audit", logs, "index-audit") as run:
        shutil.rmtree(logs)
    assert caught.value.message == f"{logs}/evidence/log.jsonl has gone while the run was going on"
    assert (caught.value.report.exit_code, caught.value.report.seal) == (5, None)
    assert run.report == caught.value.report
    assert logs.exists() is False


def test_a_log_that_was_exchanged_during_the_run_gets_no_end_of_a_run_it_does_not_know(logs: Path) -> None:
    with pytest.raises(EvidenceNotKeptError) as caught, Run.start("audit", logs, "index-audit") as run:  # noqa: PT012
        run.add_checks(Check(check="x", status=CheckStatus.FAIL))
        logs.rename(logs.with_name("moved"))
        with Run.start("audit", logs, "index-audit"):
            pass
    assert "is another log than the one this run is on record in" in caught.value.message
    assert (5, ["x"], None) == (
        caught.value.report.exit_code,
        [check.check for check in caught.value.report.checks],
        caught.value.report.seal,
    )
    for log in (logs, logs.with_name("moved")):
        with Run.start("audit", log, "index-audit"):
            pass
        answers = {it.name: it.answer for it in examine(log, Question()).answers}
        assert ("yes", "yes") == (answers["COMPLETE"], answers["ARTIFACTS MATCH"])


def test_a_disk_that_fills_up_during_the_run_keeps_its_findings_in_the_answer(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (  # noqa: PT012
        pytest.raises(EvidenceNotKeptError) as caught,
        monkeypatch.context() as patch,
        Run.start("audit", logs, "index-audit") as run,
    ):
        run.add_checks(Check(check="x", status=CheckStatus.FAIL))
        patch.setattr(os, "write", full)
    assert caught.value.hint == "free some space on that file system, then run the command again"
    assert [check.check for check in run.report.checks] == ["x"]
    assert (run.report.exit_code, run.report.verdict) == (5, Verdict.FAIL)
    with Run.start("audit", logs, "index-audit"):
        pass
    assert kinds(logs) == ["log.opened", "run.started", "run.aborted", "run.started", "run.finished"]


def test_a_record_that_no_reader_would_take_is_not_written(logs: Path) -> None:
    with (
        pytest.raises(EvidenceNotKeptError, match="more than any reader takes"),
        Run.start("drill", logs, "drill") as run,
    ):
        run._collected.artifacts["x"] = Artifact(path="x" * (5 << 20), sha256="0" * 64, bytes=0)
    with Run.start("audit", logs, "index-audit"):
        pass
    answers = {it.name: it.answer for it in examine(logs, Question()).answers}
    assert "yes" == answers["COMPLETE"]


def test_a_run_that_both_failed_and_could_not_be_kept_tells_both(logs: Path) -> None:
    with pytest.raises(EvidenceNotKeptError) as caught, Run.start("audit", logs, "index-audit"):  # noqa: PT012
        shutil.rmtree(logs)
        raise ConnectionFailedError("no server at all")
    assert [note for note in caught.value.report.notes if "no server at all" in note] != []
    assert isinstance(caught.value.__context__, ConnectionFailedError)


def test_a_run_killed_on_the_spot_is_recorded_as_aborted_by_the_next_one(logs: Path) -> None:
    _run_script(logs, "os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)
    assert kinds(logs) == ["log.opened", "run.started"]
    with Run.start("audit", logs, "index-audit"):
        pass
    assert kinds(logs) == ["log.opened", "run.started", "run.aborted", "run.started", "run.finished"]
    assert records(logs)[2]["reason"] == "its process ended without a record"
    assert records(logs)[2]["runId"] == records(logs)[1]["runId"]
    assert list((logs / "evidence" / "running").iterdir()) == []


def test_a_run_that_is_still_going_is_not_called_aborted(logs: Path) -> None:
    with Run.start("drill", logs, "backup-drill"):
        with Run.start("audit", logs, "index-audit"):
            pass
        assert "run.aborted" not in kinds(logs)
    assert kinds(logs) == ["log.opened", "run.started", "run.started", "run.finished", "run.finished"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_as_aborted_after_cleaning_up(logs: Path, number: signal.Signals, code: int) -> None:
    cleaned = []
    with pytest.raises(StoppedError) as caught, stoppable(), Run.start("drill", logs, "backup-drill") as run:  # noqa: PT012
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            cleaned.append("server")
    assert cleaned == ["server"]
    assert caught.value.signal_number == number
    assert kinds(logs)[-1] == "run.aborted"
    assert records(logs)[-1]["exitCode"] == code
    assert (run.report.exit_code, run.report.verdict) == (code, Verdict.INCONCLUSIVE)
    assert run.report_path.exists()


def test_a_second_signal_is_immediate(logs: Path) -> None:
    body = """
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
    """
    _run_script(logs, body, -signal.SIGINT)
    assert kinds(logs) == ["log.opened", "run.started"]


def test_a_signal_while_the_record_is_written_waits_until_it_is_on_disk(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def interrupting(descriptor: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        monkeypatch.setattr(os, "fsync", fsync)
        fsync(descriptor)

    with pytest.raises(StoppedError) as caught, stoppable(), Run.start("audit", logs, "index-audit") as run:
        monkeypatch.setattr(os, "fsync", interrupting)
    assert kinds(logs)[-1] == "run.finished"
    assert run.report_path.exists()
    assert caught.value.report == run.report


def test_handlers_are_given_back(logs: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stoppable():
        pass
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_a_torn_tail_is_set_aside_and_recorded(logs: Path) -> None:
    with Run.start("audit", logs, "index-audit"):
        pass
    with (logs / "evidence" / "log.jsonl").open("ab") as file:
        file.write(b'{"signatures":[],"stat')
    with Run.start("audit", logs, "index-audit"):
        pass
    assert kinds(logs)[3:] == ["log.repaired", "run.started", "run.finished"]
    torn = records(logs)[3]["torn"]
    assert (logs / "evidence" / torn["path"]).read_bytes() == b'{"signatures":[],"stat'
    assert _answers(logs)["COMPLETE"] == "yes"
    assert _answers(logs)["ARTIFACTS MATCH"] == "yes"


def test_a_log_shorter_than_its_checkpoint_is_not_written_to(logs: Path) -> None:
    for _ in range(2):
        with Run.start("audit", logs, "index-audit"):
            pass
    log = logs / "evidence" / "log.jsonl"
    shortened = b"".join(log.read_bytes().splitlines(keepends=True)[:-1])
    log.write_bytes(shortened)
    with pytest.raises(EvidenceBrokenError) as caught, Run.start("audit", logs, "index-audit"):
        pass
    assert (caught.value.report.exit_code, caught.value.hint is not None) == (4, True)
    assert log.read_bytes() == shortened


@pytest.mark.parametrize("content", [b"", b"not json\n", b"{}\n", b'{"a":1,"a":2}\n'])
def test_a_log_that_is_no_log_is_refused_without_a_traceback(logs: Path, content: bytes) -> None:
    with Run.start("audit", logs, "index-audit"):
        pass
    (logs / "evidence" / "log.jsonl").write_bytes(content)
    with pytest.raises(EvidenceBrokenError), Run.start("audit", logs, "index-audit"):
        pass


def test_a_report_whose_last_rename_was_lost_is_completed_by_the_next_run(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with (
        pytest.raises(EvidenceNotKeptError),
        monkeypatch.context() as patch,
        Run.start("audit", logs, "index-audit") as run,
    ):
        patch.setattr(os, "rename", fail)
    assert run.report_path.exists() is False
    assert kinds(logs)[-1] == "run.finished"
    with Run.start("audit", logs, "index-audit"):
        pass
    assert run.report_path.exists() is True
    assert _answers(logs)["ARTIFACTS MATCH"] == "yes"
    assert list(logs.rglob("*.body.json")) == []


def test_text_that_is_not_utf_8_does_not_cost_the_record(logs: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    with Run.start("audit", logs, "index-audit") as run:
        run.note(f"looked at {name}")
        (run.directory / name).write_text("x")
    assert "looked at caf\\udce9" in run.report.notes


def test_a_part_is_a_run_on_the_same_terms(logs: Path, signer: Signer, moving: Any) -> None:
    with Run.start(
        "suite",
        logs,
        "resilience-suite",
        signer=signer,
        settings_sha256="0" * 64,
        strict=True,
        challenge="n",
        clock=moving.clock,
    ) as run:
        with run.part("audit", "index-audit") as part:
            pass
        run.attach(part.report, part.report_path)
    assert (part.report.config_sha256, part.report.strict) == ("0" * 64, True)
    assert part.report.seal is not None
    assert part.report.seal["status"] == "signed"
    assert [it.path for it in run.report.artifacts] == [f"../index-audit/{part.run_id}.json"]


def _answers(logs: Path) -> dict[str, str]:
    return {it.name.value: it.answer.value for it in examine(logs, Question()).answers}


def _run_script(logs: Path, body: str, code: int) -> None:
    script = (
        "import os, signal, sys, time\nfrom pathlib import Path\n"
        "from dbops.evidence.run import Run\nfrom dbops.evidence.signals import stoppable\n"
        "with stoppable(), Run.start('audit', Path(sys.argv[1]), 'index-audit') as run:\n"
    ) + textwrap.indent(textwrap.dedent(body).strip(), "    ")
    process = subprocess.run([sys.executable, "-c", script, str(logs)], check=False, capture_output=True, timeout=60)
    assert process.returncode == code, process.stderr.decode()
