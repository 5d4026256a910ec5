"""What evidence costs: a run's two records and its report, and reading ten years of them."""

from __future__ import annotations

import datetime as dt
import os
import resource
import statistics
import time
from typing import TYPE_CHECKING

import pytest

from dbops.cli.operations import SuitePlan, backup_options, drill_options, suite_steps
from dbops.evidence import keys
from dbops.evidence.answers import Question
from dbops.evidence.examine import examine
from dbops.evidence.keys import Trust
from dbops.evidence.run import Clock, Run
from dbops.model import Check, CheckStatus, Objective, ObjectiveStatus, Report, TargetInfo
from dbops.settings import load_settings
from dbops.suite import run_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.evidence.keys import Signer

pytestmark = pytest.mark.bench

NIGHTS = 3650


def one_night(logs: Path, signer: Signer, clock: Clock) -> Report:
    with Run.start("suite", logs, "resilience-suite", signer=signer, clock=clock) as started:
        started.target = TargetInfo(host="db", port=5432, database="erp", user="auditor", system_identifier="7")
        started.add_checks(*(Check(check=f"rule-{number}", status=CheckStatus.PASS) for number in range(12)))
        started.add_objective(
            Objective(id="rto", scenario="restore", status=ObjectiveStatus.MET, value_ms=1, limit_ms=2, method="timed")
        )
    return started.report


def test_a_run_costs_little_more_than_waiting_for_the_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signer = keys.generate(tmp_path / "evidence.pem")
    syncs, fsync = [0], os.fsync

    def counted(descriptor: int) -> None:
        syncs[0] += 1
        fsync(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", counted)
        one_night(tmp_path / "logs", signer, Clock())  # makes the directories and the reserve
        syncs[0] = 0
        one_night(tmp_path / "logs", signer, Clock())
    took = median_ms(lambda: one_night(tmp_path / "logs", signer, Clock()))
    bare = median_ms(lambda: bare_syncs(tmp_path / "bare", syncs[0]))
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  a run, start and end, sealed: {took:.1f} ms; its {syncs[0]} fsyncs alone: {bare:.1f} ms;"
            f" {took / bare:.1f} times"
        )
    # 20 ms on a quiet machine; on a busy disk the syncs take longer by the same factor.
    assert took < max(20, 4 * bare)


def test_a_suite_adds_little_to_the_sum_of_its_steps(
    erp: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {"log_dir": tmp_path / "logs", "backup_dir": tmp_path / "backups"}
    settings = load_settings(flags, cwd=tmp_path, environ=os.environ)
    signer = keys.generate(tmp_path / "evidence.pem")
    added = []
    for _ in range(3):
        plan = SuitePlan(
            drill=drill_options(settings, client_bindir=None, deadline=None),
            backup=backup_options(settings, client_bindir=None, deadline=None),
        )
        with Run.start("suite", settings.log_dir, "resilience-suite", signer=signer) as run:
            run_suite(suite_steps(settings, erp, plan, Nobody()), run)
        assert [part.command for part in run.report.reports] == ["backup", "drill", "audit"]
        steps = sum(part.duration_ms for part in run.report.reports)
        added.append((run.report.duration_ms - steps) / steps)
    with capsys.disabled():
        print(f"\n  a suite of backup, drill and audit adds {statistics.median(added):.2%} to its parts")  # noqa: T201
    assert statistics.median(added) <= 0.05


class Nobody:
    """Progress that nobody looks at."""

    def start(self, task: str, total: int | None = None, unit: str = "") -> None:
        """Begin."""

    def advance(self, amount: int) -> None:
        """Move on."""

    def finish(self) -> None:
        """End."""


def median_ms(work: Callable[[], object]) -> float:
    """Return the median of 50 times in milliseconds."""
    took = []
    for _ in range(50):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def bare_syncs(path: Path, count: int) -> None:
    """Write a little and sync it, `count` times."""
    with path.open("ab", buffering=0) as file:
        for _ in range(count):
            file.write(b"x" * 1000)
            os.fsync(file.fileno())


def test_ten_years_of_nights_are_verified_at_little_more_than_the_cost_of_their_signatures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    signer = keys.generate(tmp_path / "evidence.pem")
    moment = dt.datetime(2016, 1, 1, 2, tzinfo=dt.UTC)
    with monkeypatch.context() as patch:  # the nights are made without waiting for the disk
        patch.setattr(os, "fsync", lambda _descriptor: None)
        for night in range(NIGHTS):
            tonight = moment + dt.timedelta(days=night)
            one_night(tmp_path / "logs", signer, Clock(now=lambda tonight=tonight: tonight))  # type: ignore[misc]
    question = Question(Trust({}).and_key(signer.public), None, dt.timedelta(hours=26))
    began = time.process_time()
    verification = examine(tmp_path / "logs", question)
    seconds = time.process_time() - began
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ratio = seconds / bare_verification(signer, 3 * NIGHTS)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  {NIGHTS} nights, {2 * NIGHTS + 1} records, every report and signature:"
            f" {seconds:.1f} s of processor time, {ratio:.1f} times what the signatures alone cost; {megabytes:.0f} MB"
        )
    assert [it.answer.value for it in verification.answers] == ["yes", "yes", "not checked", "yes", "yes", "yes"]
    # 3 s on a quiet machine; where others work too, the signatures take longer by the same factor.
    assert ratio < 3
    assert megabytes < 100


def bare_verification(signer: Signer, count: int) -> float:
    """Return the processor time in seconds of so many signature checks and nothing else."""
    trust = Trust({}).and_key(signer.public)
    signature = signer.sign("type", b"x" * 500)
    began = time.process_time()
    for _ in range(count):
        trust.verifies(signer.keyid, signature["sig"], "type", b"x" * 500)
    return time.process_time() - began
