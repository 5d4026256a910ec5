"""A suite: every step a run of its own, one verdict, nothing lost when a step crashes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from dbops.errors import (
    ConfigurationError,
    ConnectionFailedError,
    DamageError,
    EvidenceBrokenError,
    EvidenceNotKeptError,
    LockedError,
    StoppedError,
    TimeLimitError,
)
from dbops.evidence.answers import Question
from dbops.evidence.examine import examine
from dbops.evidence.run import Run
from dbops.evidence.signals import stoppable, time_limit
from dbops.files import locked
from dbops.model import Check, CheckStatus, Objective, ObjectiveStatus, Report, TargetInfo, Tool, Verdict
from dbops.suite import SuiteStep, run_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TARGET = TargetInfo(host="db", port=5432, database="erp", user="auditor", system_identifier="7300000000000000001")
MEASURED = Objective(
    id="rto", scenario="restore", status=ObjectiveStatus.MET, value_ms=90, limit_ms=100, method="timed"
)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def drill(run: Run) -> None:
    run.target = TARGET
    run.add_objective(MEASURED)
    run.add_tool(Tool(name="pg_restore", version="15.18"))
    run.restorability = Verdict.PASS
    run.not_tested("the network of the standby site")
    (run.directory / "listing.txt").write_text("listing")


def audit(run: Run) -> None:
    run.target = TARGET
    run.add_checks(Check(check="no-primary-key", status=CheckStatus.PASS))


def failing_audit(run: Run) -> None:
    run.add_checks(Check(check="no-primary-key", status=CheckStatus.FAIL))


def raising(error: BaseException) -> Callable[[Run], None]:
    def operation(_run: Run) -> None:
        raise error

    return operation


def suite(logs: Path, *operations: Callable[[Run], None]) -> Report:
    names = [("drill", "backup-drill"), ("audit", "index-audit"), ("extra", "extra")]
    steps = [SuiteStep(*name, operation) for name, operation in zip(names, operations, strict=False)]
    with Run.start("suite", logs, "resilience-suite") as run:
        run_suite(steps, run)
    return run.report


def test_each_step_leaves_its_own_report_and_the_suite_holds_them_all(logs: Path) -> None:
    report = suite(logs, drill, audit)
    kept = {
        folder: [Report.model_validate_json(path.read_bytes()) for path in (logs / folder).glob("*.json")]
        for folder in ("backup-drill", "index-audit", "resilience-suite")
    }
    assert kept == {
        "backup-drill": [report.reports[0]],
        "index-audit": [report.reports[1]],
        "resilience-suite": [report],
    }
    assert (report.verdict, report.exit_code) == (Verdict.PASS, 0)
    assert [(it.name, it.status, it.exit_code) for it in report.steps] == [("drill", "pass", 0), ("audit", "pass", 0)]


def test_the_suite_answers_for_objectives_artifacts_tools_and_what_was_not_tested_but_not_for_checks(
    logs: Path,
) -> None:
    report = suite(logs, drill, audit)
    drilled, audited = report.reports
    assert report.objectives == (MEASURED,)
    assert report.restorability is Verdict.PASS
    assert report.target == TARGET
    assert report.not_tested == ("the network of the standby site",)
    assert [it.name for it in report.tools] == ["dbops", "pg_restore"]
    assert report.checks == ()
    assert [it.path for it in report.artifacts] == [
        f"../backup-drill/{drilled.run_id}.json",
        f"../backup-drill/{drilled.run_id}/listing.txt",
        f"../index-audit/{audited.run_id}.json",
    ]
    answers = {it.name: it.answer for it in examine(logs, Question()).answers}
    assert (answers["COMPLETE"], answers["ARTIFACTS MATCH"]) == ("yes", "yes")


@pytest.mark.parametrize(
    ("first", "status", "verdict", "code"),
    [
        (failing_audit, "fail", Verdict.FAIL, 1),
        (raising(DamageError("rotten")), "fail", Verdict.FAIL, 1),
        (raising(ConnectionFailedError("gone")), "inconclusive", Verdict.INCONCLUSIVE, 3),
        (raising(ConfigurationError("typo")), "inconclusive", Verdict.INCONCLUSIVE, 3),
        (raising(EvidenceBrokenError("cut")), "fail", Verdict.FAIL, 4),
        (raising(EvidenceNotKeptError("full")), "inconclusive", Verdict.INCONCLUSIVE, 5),
        (raising(ZeroDivisionError("bug")), "fail", Verdict.FAIL, 1),
    ],
)
def test_every_step_runs_whatever_an_earlier_one_said(
    logs: Path, first: Callable[[Run], None], status: str, verdict: Verdict, code: int
) -> None:
    report = suite(logs, first, audit)
    assert [status, "pass"] == [it.status for it in report.steps]
    assert len(report.reports) == 2
    assert (verdict, code) == (report.verdict, report.exit_code)


def test_a_step_that_crashes_is_a_failed_step_with_a_report_that_says_why(logs: Path) -> None:
    report = suite(logs, raising(ZeroDivisionError("by zero")), audit)
    crashed = report.reports[0]
    assert crashed.problem is not None
    assert crashed.problem.message == "internal error: ZeroDivisionError: by zero"
    assert (crashed.exit_code, report.steps[0].exit_code) == (70, 70)
    assert (logs / "backup-drill" / f"{crashed.run_id}.json").exists()


def test_a_step_whose_folder_is_unsafe_is_reported_with_5_and_the_others_run(logs: Path) -> None:
    logs.mkdir()
    (logs / "backup-drill").symlink_to("elsewhere")
    report = suite(logs, drill, audit)
    assert [it.exit_code for it in report.reports] == [5, 0]
    assert (report.exit_code, report.verdict) == (5, Verdict.INCONCLUSIVE)
    assert report.reports[0].seal is None


def test_the_gravest_code_of_all_steps_speaks(logs: Path) -> None:
    operations = (failing_audit, raising(EvidenceBrokenError("cut")), raising(ConnectionFailedError("gone")))
    assert suite(logs, *operations).exit_code == 4


def test_two_suites_do_not_overlap_and_the_second_is_on_record(logs: Path) -> None:
    suite(logs, audit)
    with (
        locked(logs / "evidence" / "suite.lock", holder="suite of last night"),
        pytest.raises(LockedError, match="suite of last night") as caught,
    ):
        suite(logs, drill)
    assert caught.value.report.exit_code == 75
    assert json.loads(caught.value.kept.read_text())["problem"]["message"] == caught.value.message
    assert caught.value.report.reports == ()
    assert caught.value.report.not_tested == ("drill: the suite ended before it began",)


def test_a_signal_ends_the_suite_with_what_it_has_so_far(logs: Path) -> None:
    def stopped(_run: Run) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    with pytest.raises(StoppedError) as caught, stoppable():
        suite(logs, drill, stopped, audit)
    report = caught.value.report
    assert [(it.name, it.status) for it in report.steps] == [("drill", "pass"), ("audit", "inconclusive")]
    assert [it.exit_code for it in report.reports] == [0, 143]
    assert [it.exit_code for it in report.steps] == [0, 143]
    assert report.not_tested == ("the network of the standby site", "extra: the suite ended before it began")
    assert report.exit_code == 143
    lines = (logs / "evidence" / "log.jsonl").read_bytes().splitlines()
    ends = [json.loads(line)["statement"]["predicate"]["type"] for line in lines[-2:]]
    assert ends == ["run.aborted", "run.aborted"]


def test_the_time_limit_of_the_suite_ends_it_before_the_next_step(logs: Path) -> None:
    steps = [SuiteStep("drill", "backup-drill", lambda _: time.sleep(30)), SuiteStep("audit", "index-audit", audit)]
    with (
        pytest.raises(TimeLimitError) as caught,
        stoppable(),
        Run.start("suite", logs, "resilience-suite") as run,
        time_limit(0.2),
    ):
        run_suite(steps, run)
    assert [it.command for it in caught.value.report.reports] == ["drill"]
    assert caught.value.report.not_tested == ("audit: the suite ended before it began",)
    assert caught.value.report.exit_code == 3


def test_a_log_directory_deleted_during_a_suite_ends_it_with_5_and_the_reports_in_hand(logs: Path) -> None:
    def deleting(_run: Run) -> None:
        shutil.rmtree(logs)

    with pytest.raises(EvidenceNotKeptError) as caught:
        suite(logs, drill, deleting, audit)
    report = caught.value.report
    assert (5, None) == (report.exit_code, report.seal)
    assert [0, 5, 0] == [part.exit_code for part in report.reports]
    answers = {it.name: it.answer for it in examine(logs, Question()).answers}
    assert ("yes", "yes") == (answers["COMPLETE"], answers["ARTIFACTS MATCH"])
