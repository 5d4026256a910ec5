"""Metrics as a collector reads them."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dbops.model import Check, CheckStatus, Objective, ObjectiveStatus, Problem, Step, Verdict
from dbops.render.prometheus import prometheus_text

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

    from conftest import MakeFinding, MakeReport
    from dbops.model import Report

STARTED = dt.datetime(2026, 3, 1, 2, 0, tzinfo=dt.UTC)
FINISHED = dt.datetime(2026, 3, 1, 2, 1, 30, tzinfo=dt.UTC).timestamp()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "output-formats.md"
LAST_SUCCESS = "dbops_last_success_timestamp_seconds"


def samples(text: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(text: str, name: str, **labels: str) -> float:
    """Return the one sample of a name with these labels."""
    found = [one.value for one in samples(text) if one.name == name and labels.items() <= one.labels.items()]
    assert 1 == len(found)
    return found[0]


def names(text: str) -> set[str]:
    return {sample.name for sample in samples(text)}


def test_moments_are_values_and_no_sample_has_a_timestamp(mixed: Report) -> None:
    text = prometheus_text(mixed)
    assert {None} == {sample.timestamp for sample in samples(text)}
    assert FINISHED == value(text, "dbops_last_run_timestamp_seconds", command="audit", host="db:5432", database="erp")
    assert 90 == value(text, "dbops_last_run_duration_seconds", command="audit")


def test_one_verdict_of_three_is_one(mixed: Report) -> None:
    text = prometheus_text(mixed)
    verdicts = {verdict: value(text, "dbops_last_run_verdict", command="suite", verdict=verdict) for verdict in Verdict}
    assert {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 0} == verdicts
    assert 1 == value(text, "dbops_last_run_exit_code", command="suite")


def test_objectives_are_seconds_and_appear_once(mixed: Report) -> None:
    text = prometheus_text(mixed)
    assert 5400 == value(text, "dbops_objective_value_seconds", objective="rto")
    assert 3600 == value(text, "dbops_objective_limit_seconds", objective="rto")
    assert 1 == value(text, "dbops_objective_status", objective="rto", status="missed")
    assert 1 == value(text, "dbops_objective_status", objective="rpo", status="not measured")
    assert ["rto"] == [s.labels["objective"] for s in samples(text) if s.name == "dbops_objective_value_seconds"]


def test_findings_are_counted_by_rule_and_severity_zeros_included(mixed: Report) -> None:
    text = prometheus_text(mixed)
    assert 2 == value(text, "dbops_findings", rule="fk-without-index", severity="error")
    assert 1 == value(text, "dbops_findings", rule="expected-index-missing", severity="error")
    assert 1 == value(text, "dbops_findings_waived", rule="expected-index-missing")
    assert 0 == value(text, "dbops_findings", rule="no-primary-key", severity="error")


def test_a_check_that_was_not_made_has_no_number_of_findings(mixed: Report) -> None:
    counted = {sample.labels["rule"] for sample in samples(prometheus_text(mixed)) if sample.name == "dbops_findings"}
    assert set() == counted & {"slow-query", "invalid-index"}


def test_checks_are_counted_by_how_they_ended(mixed: Report) -> None:
    text = prometheus_text(mixed)
    counts = {status: value(text, "dbops_checks", command="audit", status=status) for status in CheckStatus}
    assert {CheckStatus.PASS: 1, CheckStatus.FAIL: 3, CheckStatus.SKIP: 1, CheckStatus.ERROR: 1} == counts


def test_a_proven_backup_is_one(mixed: Report) -> None:
    assert 1 == value(prometheus_text(mixed), "dbops_backup_restorable", command="drill")


@pytest.mark.parametrize(("status", "known"), [(Verdict.PASS, True), (Verdict.FAIL, False)])
def test_the_size_of_a_backup_is_that_of_a_published_one(make_report: MakeReport, status: Verdict, known: bool) -> None:
    steps = (
        Step(name="snapshot", status=Verdict.PASS, started_at=STARTED, duration_ms=1),
        Step(name="dump", status=status, started_at=STARTED, duration_ms=1, output="123456 bytes"),
    )
    text = prometheus_text(make_report(command="backup", steps=steps))
    assert known is ("dbops_backup_size_bytes" in names(text))
    if known:
        assert 123456 == value(text, "dbops_backup_size_bytes", command="backup")


def test_a_run_that_passed_is_the_last_success(make_report: MakeReport) -> None:
    assert FINISHED == value(prometheus_text(make_report()), LAST_SUCCESS)


def test_a_run_that_failed_keeps_the_last_success_of_the_file_it_replaces(make_report: MakeReport) -> None:
    before = prometheus_text(make_report())
    later = {"finished_at": dt.datetime(2026, 3, 2, tzinfo=dt.UTC)}
    failed = prometheus_text(make_report(Check(check="x", status=CheckStatus.FAIL), **later), before)
    assert FINISHED == value(failed, LAST_SUCCESS)
    assert FINISHED == value(
        prometheus_text(make_report(target=None, problem=Problem(message="x")), failed), LAST_SUCCESS
    )


def test_the_success_of_another_database_or_command_is_not_its_own(make_report: MakeReport) -> None:
    failed = make_report(Check(check="x", status=CheckStatus.FAIL))
    assert failed.target is not None
    elsewhere = make_report(target=failed.target.model_copy(update={"database": "other"}))
    assert 0 == value(prometheus_text(failed, prometheus_text(elsewhere)), LAST_SUCCESS)
    assert 0 == value(prometheus_text(failed, prometheus_text(make_report(command="drill"))), LAST_SUCCESS)


@pytest.mark.parametrize("previous", ["", "not metrics {{{", "dbops_last_success_timestamp_seconds nonsense\n"])
def test_a_run_that_never_passed_says_so(make_report: MakeReport, previous: str) -> None:
    assert 0 == value(prometheus_text(make_report(Check(check="x", status=CheckStatus.FAIL)), previous), LAST_SUCCESS)


def test_without_a_file_to_replace_nothing_is_said_about_the_last_success(make_report: MakeReport) -> None:
    assert LAST_SUCCESS not in names(prometheus_text(make_report(Check(check="x", status=CheckStatus.FAIL))))


def test_no_name_adds_a_sample_and_no_label_holds_an_object(nasty: Report) -> None:
    found = samples(prometheus_text(nasty))
    assert [] == [sample for sample in found if not sample.name.startswith("dbops_") or sample.name == "dbops_fake"]
    assert {
        *("command", "host", "database", "verdict", "status", "rule", "severity", "objective", "scenario"),
    } == {label for sample in found for label in sample.labels}


def test_rendering_twice_gives_the_same_text(mixed: Report, make_finding: MakeFinding) -> None:
    assert prometheus_text(mixed) == prometheus_text(mixed)


def test_the_page_lists_every_metric(make_report: MakeReport) -> None:
    everything = make_report(
        Check(check="x", status=CheckStatus.PASS),
        command="backup",
        restorability=Verdict.PASS,
        steps=(Step(name="dump", status=Verdict.PASS, started_at=STARTED, duration_ms=1, output="1 bytes"),),
        objectives=(
            Objective(
                id="rpo",
                scenario="s",
                status=ObjectiveStatus.MET,
                value_ms=1,
                limit_ms=2,
                now_ms=1,
                worst_ms=1,
                bound_ms=2,
                method="m",
            ),
        ),
    )
    assert names(prometheus_text(everything)) == set(re.findall(r"^\| `(dbops_\w+)`", PAGE.read_text(), re.MULTILINE))
