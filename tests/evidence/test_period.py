"""A period's evidence: only what verifies counts, what does not is said, and every failure has an end or none."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from dbops.errors import ConnectionFailedError
from dbops.evidence.answers import Question
from dbops.evidence.collector import Collector
from dbops.evidence.controls import control_map
from dbops.evidence.examine import examine_log
from dbops.evidence.keys import NO_TRUST, Trust
from dbops.evidence.period import Period, answered_for
from dbops.evidence.run import Run
from dbops.model import Check, CheckStatus, Finding, Objective, ObjectiveStatus, Severity, TargetInfo, Verdict, Waiver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.evidence.keys import Signer
    from dbops.model import Report

FIRST = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
LATE = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
TARGET = TargetInfo(host="db", port=5432, database="erp", user="auditor", system_identifier="7300000000000000001")


def period_of(
    logs: Path,
    signer: Signer | None,
    *,
    begin: dt.datetime | None = None,
    end: dt.datetime = LATE,
    largest_gap: dt.timedelta | None = None,
) -> Period:
    trust = Trust({}).and_key(signer.public) if signer else NO_TRUST
    collector = Collector(begin, end, trusted=bool(trust), largest_gap=largest_gap)
    examine_log(logs, Question(trust), collector.take)
    return collector.period(LATE)


def test_runs_count_by_when_they_ended(finished: Callable[..., Report], logs: Path, signer: Signer) -> None:
    reports = [finished() for _ in range(4)]
    period = period_of(logs, signer, begin=FIRST + dt.timedelta(days=1), end=FIRST + dt.timedelta(days=3))
    assert [report.run_id for report in reports[1:3]] == [run.run_id for run in period.runs]
    assert [("erp", "drill", {"pass": 2})] == [(it.database, it.command, it.verdicts) for it in period.population]


def test_without_a_trusted_key_nothing_counts_and_each_record_says_so(
    finished: Callable[..., Report], logs: Path
) -> None:
    finished()
    period = period_of(logs, None)
    assert () == period.runs
    assert ["no trusted key was given, so nobody vouches for it"] == [one.why for one in period.not_counted]


def test_what_was_written_without_a_key_does_not_count(
    finished: Callable[..., Report], logs: Path, signer: Signer
) -> None:
    finished(signed=False)
    signed = finished()
    period = period_of(logs, signer)
    assert [signed.run_id] == [run.run_id for run in period.runs]
    assert ["it was written without a key"] == [one.why for one in period.not_counted]


def test_an_altered_report_does_not_count_and_the_others_do(
    finished: Callable[..., Report], logs: Path, signer: Signer
) -> None:
    altered, sound = finished(met=False), finished()
    path = logs / "backup-drill" / f"{altered.run_id}.json"
    path.write_text(path.read_text().replace('"missed"', '"met"'))
    period = period_of(logs, signer)
    assert [sound.run_id] == [run.run_id for run in period.runs]
    ((why, what),) = [(one.why, one.what) for one in period.not_counted]
    assert f"drill {altered.run_id}" == what
    assert "its content is not what was sealed" in why


def test_a_dropped_record_leaves_a_hole_that_is_said(
    finished: Callable[..., Report], logs: Path, signer: Signer
) -> None:
    for _ in range(3):
        finished()
    log = logs / "evidence" / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3] + lines[5:]))
    period = period_of(logs, signer)
    assert any("does not follow the line before it" in one.why for one in period.not_counted)
    assert 1 == len(period.runs)  # what stands behind the hole is not in its place either


def test_a_line_that_is_no_record_is_said(finished: Callable[..., Report], logs: Path, signer: Signer) -> None:
    finished()
    log = logs / "evidence" / "log.jsonl"
    log.write_bytes(log.read_bytes() + b"{}\n")
    period = period_of(logs, signer)
    assert ["a line of the log"] == [one.what for one in period.not_counted]
    assert 1 == len(period.runs)


def test_a_failure_is_mended_by_the_next_run_of_its_kind_that_passes(
    finished: Callable[..., Report], logs: Path, signer: Signer
) -> None:
    failed, again = finished(met=False), finished(met=False)
    finished(command="audit")
    passed = finished()
    last = finished(met=False)
    period = period_of(logs, signer)
    ends = [(failure.run.run_id, failure.mended_at) for failure in period.failures]
    mended = next(run.at for run in period.runs if run.run_id == passed.run_id)
    assert [(failed.run_id, mended), (again.run_id, mended), (last.run_id, None)] == ends
    assert "RTO missed (restore)" == period.failures[0].run.why


def test_a_run_that_died_early_is_mended_where_its_kind_ran_on_one_database_only(
    finished: Callable[..., Report], logs: Path, signer: Signer, moving: Any
) -> None:
    with Run.start("drill", logs, "backup-drill", signer=signer, clock=moving.clock) as early:
        early.add_checks(Check(check="rows", status=CheckStatus.FAIL))  # it never came to know its database
    passed = finished()
    (failure,) = period_of(logs, signer).failures
    assert (early.run_id, "no database") == (failure.run.run_id, failure.run.database)
    assert failure.mended_at == next(run.at for run in period_of(logs, signer).runs if run.run_id == passed.run_id)
    with Run.start("drill", logs, "backup-drill", signer=signer, clock=moving.clock) as other:
        other.target = TARGET.model_copy(update={"database": "crm"})
    (failure,) = period_of(logs, signer).failures
    assert failure.mended_at is None  # of which of the two it was, nobody can say


def test_objectives_are_counted_with_best_median_and_worst(
    finished: Callable[..., Report], logs: Path, signer: Signer
) -> None:
    for met in (True, False, True):
        finished(met=met)
    (rto,) = period_of(logs, signer).objectives
    assert (rto.met, rto.missed, rto.not_measured) == (2, 1, 0)
    assert (rto.best_ms, rto.median_ms, rto.worst_ms, rto.limit_ms) == (90, 90, 90, 100)
    assert ObjectiveStatus.MET is rto.newest
    finished(met=False)
    assert ["rto"] == [one.id for one in period_of(logs, signer).missed]


def test_a_suite_does_not_count_the_objectives_of_its_parts_twice(logs: Path, signer: Signer, moving: object) -> None:
    from dbops.model import Objective
    from dbops.suite import SuiteStep, run_suite

    def drill(run: Run) -> None:
        run.target = TARGET
        run.add_objective(
            Objective(id="rto", scenario="r", status=ObjectiveStatus.MET, value_ms=1, limit_ms=2, method="m")
        )

    with Run.start("suite", logs, "resilience-suite", signer=signer) as run:
        run_suite([SuiteStep("drill", "backup-drill", drill)], run)
    period = period_of(logs, signer)
    assert [1] == [one.met for one in period.objectives]
    assert ["drill", "suite"] == sorted(one.command for one in period.population)
    assert [1] == [len(series) for series in period.trends["erp"].objectives.values()]


def test_gaps_are_those_of_the_period_its_ends_included(
    finished: Callable[..., Report], logs: Path, signer: Signer
) -> None:
    for _ in range(3):
        finished()
    day = dt.timedelta(days=1)
    allowed = dt.timedelta(hours=26)
    whole = period_of(logs, signer, begin=FIRST, end=FIRST + 3 * day, largest_gap=allowed)
    assert () == whole.gaps
    late = period_of(logs, signer, begin=FIRST - 3 * day, end=FIRST + 3 * day, largest_gap=allowed)
    assert 1 == len(late.gaps)
    assert "did not run for 72.0 h after 2025-12-30" in late.gaps[0]
    early = period_of(logs, signer, begin=FIRST, end=FIRST + 9 * day, largest_gap=allowed)
    assert 1 == len(early.gaps)
    empty = period_of(logs, signer, begin=FIRST + 30 * day, largest_gap=allowed)
    assert ("no run that counts has ended in this period",) == empty.gaps


def test_a_job_that_ran_before_the_period_and_not_in_it_is_a_gap(
    finished: Callable[..., Report], logs: Path, signer: Signer, moving: Any
) -> None:
    finished()
    begin = moving.moment + dt.timedelta(hours=1)
    for _ in range(2):
        moving.moment += dt.timedelta(days=1)
        with Run.start("drill", logs, "backup-drill", signer=signer, clock=moving.clock) as run:
            run.target = TARGET.model_copy(update={"database": "crm"})
    allowed = dt.timedelta(hours=26)
    (gap,) = period_of(logs, signer, begin=begin, end=moving.moment, largest_gap=allowed).gaps
    assert gap.startswith("drill of erp (7300000000000000001) did not run at all, the last time before at 2026-01-02")
    assert () == period_of(logs, signer, begin=begin, end=begin + dt.timedelta(hours=25), largest_gap=allowed).gaps


def test_a_gap_is_not_filled_by_a_run_that_does_not_verify(
    finished: Callable[..., Report], logs: Path, signer: Signer
) -> None:
    middle = [finished() for _ in range(3)][1]
    path = logs / "backup-drill" / f"{middle.run_id}.json"
    path.write_text(path.read_text().replace('"met"', '"missed"'))
    period = period_of(logs, signer, begin=FIRST, end=FIRST + dt.timedelta(days=3), largest_gap=dt.timedelta(hours=26))
    assert 1 == len(period.gaps)


def test_a_run_that_died_is_aborted_and_one_that_goes_on_is_unfinished(
    finished: Callable[..., Report], logs: Path, signer: Signer, moving: object
) -> None:
    with Run.start("audit", logs, "index-audit", signer=signer) as going:
        (running,) = period_of(logs, signer).unfinished
        assert running.startswith(f"audit {going.run_id}, started ")
    log = logs / "evidence" / "log.jsonl"
    assert () == period_of(logs, signer).unfinished
    assert log.exists()


def test_waivers_are_listed_once_with_owner_reason_and_day(logs: Path, signer: Signer) -> None:
    waiver = Waiver(reason="small", owner="dba", expires=dt.date(2026, 12, 31))
    finding = Finding(
        rule="unused-index",
        severity=Severity.WARNING,
        object="public.ix",
        detail="d",
        why="w",
        fingerprint="f",
        waived=waiver,
    )
    for _ in range(2):
        with Run.start("audit", logs, "index-audit", signer=signer) as run:
            run.target = TARGET
            run.add_checks(Check(check="unused-index", status=CheckStatus.FAIL, findings=(finding,)))
    (accepted,) = period_of(logs, signer).waivers
    assert ("public.ix", "dba", dt.date(2026, 12, 31), 2) == (
        accepted.object,
        accepted.owner,
        accepted.expires,
        accepted.audits,
    )


def test_the_answers_are_those_of_the_period(finished: Callable[..., Report], logs: Path, signer: Signer) -> None:
    finished(met=False)
    finished()
    trust = Trust({}).and_key(signer.public)
    for end, expected in ((FIRST + dt.timedelta(days=1), 1), (LATE, 0)):
        collector = Collector(None, end, trusted=True)
        verified = examine_log(logs, Question(trust), collector.take)
        assert expected == answered_for(verified, collector.period(LATE)).exit_code


def test_no_control_is_claimed_by_an_empty_period(finished: Callable[..., Report], logs: Path) -> None:
    finished()
    controls = control_map(period_of(logs, None))
    assert {("nothing in this period speaks for it",)} == {one.speaks for one in controls}
    assert [] == [one.control for one in controls if not one.limits]
    assert {"CP-4", "CP-9(1)", "CP-10", "A.8.13", "A.5.30", "A1.2", "A1.3", "Article 11", "Article 12"} == {
        one.control for one in controls
    }


def test_the_limits_of_article_12_say_that_a_drill_on_one_host_shows_no_segregation(logs: Path, signer: Signer) -> None:
    with Run.start("drill", logs, "backup-drill", signer=signer) as run:
        run.target, run.restorability = TARGET, Verdict.PASS
    controls = {one.control: one for one in control_map(period_of(logs, signer))}
    assert "1 restore drill, 1 of them brought the backup back whole" in controls["Article 12"].speaks
    assert any("DORA 12(3)" in limit for limit in controls["Article 12"].limits)
    assert "no recovery objective was measured" in controls["CP-10"].limits


def test_a_drill_of_the_schema_alone_is_not_called_a_restore(logs: Path, signer: Signer) -> None:
    with Run.start("drill", logs, "backup-drill", signer=signer) as run:
        run.target = TARGET
        run.add_checks(Check(check="restore-errors", status=CheckStatus.PASS))
    controls = {one.control: one for one in control_map(period_of(logs, signer))}
    assert "no backup was restored with its data; 1 drill rebuilt the schema alone" in controls["A1.3"].limits


def test_a_run_that_could_not_look_speaks_for_no_control(logs: Path, signer: Signer) -> None:
    for command in ("audit", "drill", "backup verify"):
        with pytest.raises(ConnectionFailedError), Run.start(command, logs, "runs", signer=signer):
            raise ConnectionFailedError("nothing listens there")
    controls = control_map(period_of(logs, signer))
    said = {text for one in controls for text in (*one.speaks, *one.limits)}
    assert [] == [text for text in said if "audit" in text or "verification" in text or "rebuilt" in text]


def test_why_a_strict_run_did_not_pass_is_said(logs: Path, signer: Signer) -> None:
    missing = Objective(id="rpo", scenario="site", status=ObjectiveStatus.NOT_MEASURED, limit_ms=1, method="none")
    skipped = Check(check="slow-query", status=CheckStatus.SKIP, reason="no extension")
    for strict, checks in ((True, (skipped, Check(check="x", status=CheckStatus.PASS))), (False, (skipped,))):
        with Run.start("audit", logs, "index-audit", signer=signer, strict=strict) as run:
            run.add_checks(*checks)
            run.add_objective(missing)
    whys = [failure.run.why for failure in period_of(logs, signer).failures]
    assert ["slow-query was skipped; RPO not measured (site)", "every check was skipped"] == whys


@pytest.mark.parametrize("field", ["objectives", "checks"])
def test_a_report_of_a_later_format_is_said_not_to_be_readable(
    finished: Callable[..., Report], logs: Path, signer: Signer, field: str
) -> None:
    from dbops.evidence.examine import Seen
    from dbops.evidence.reader import read_line

    report = finished()
    line = (logs / "evidence" / "log.jsonl").read_bytes().splitlines()[-1]
    body = json.loads((logs / "backup-drill" / f"{report.run_id}.json").read_text())
    collector = Collector(None, LATE, trusted=True)
    collector.take(Seen(read_line(line).statement.predicate, signed=True, faults=(), body={**body, field: 5}))
    assert ["its report is of a format that this version cannot read"] == [
        one.why for one in collector.period(LATE).not_counted
    ]
