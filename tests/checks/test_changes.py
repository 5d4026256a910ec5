"""What changed between two audits, what a baseline knew, and what a role lacks: from reports and snapshots alone."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from dbops.checks.baseline import Baseline, load_baseline
from dbops.checks.changes import changes_since, previous_audit
from dbops.checks.policy import Policy
from dbops.checks.runner import run_rules
from dbops.errors import UsageError
from dbops.evidence.judge import judge
from dbops.model import Changes, Check, CheckStatus, Finding, Problem, Report, Severity, TargetInfo, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from dbops.checks.catalog import Catalog
    from dbops.connection.target import Target

AT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
TARGET = TargetInfo(host="db", port=5432, database="erp", user="auditor", system_identifier="7")


def finding(rule: str, mark: str) -> Finding:
    return Finding(rule=rule, severity=Severity.WARNING, object=mark, detail="d", why="w", fingerprint=mark)


def check(rule: str, *marks: str, reason: str | None = None) -> Check:
    status = CheckStatus.FAIL if marks else CheckStatus.PASS
    return Check(check=rule, status=status, reason=reason, findings=tuple(finding(rule, mark) for mark in marks))


def report(*checks: Check, **values: Any) -> Report:
    given = {
        "command": "audit",
        "run_id": "20260301T000000Z-abcdef",
        "verdict": Verdict.PASS,
        "exit_code": 0,
        "started_at": AT,
        "finished_at": AT,
        "duration_ms": 1,
        "host": "h",
        "target": TARGET,
        "checks": checks,
    }
    return Report.model_validate({**given, **values})


def test_new_resolved_and_unchanged_findings_are_told_by_their_fingerprints() -> None:
    changes = changes_since(report(check("a", "1", "2")), [check("a", "2", "3")], partly=False)
    assert Changes(since="20260301T000000Z-abcdef", new=("3",), resolved=("1",), unchanged=1) == changes


@pytest.mark.parametrize(
    "now",
    [
        [Check(check="a", status=CheckStatus.SKIP, reason="no privilege")],
        [Check(check="a", status=CheckStatus.ERROR, reason="timeout")],
        [check("a", reason="some sequences may not be read")],
        [check("b")],
    ],
    ids=["skipped", "errored", "answered in part", "not run"],
)
def test_a_rule_that_gave_no_whole_answer_has_resolved_nothing(now: list[Check]) -> None:
    changes = changes_since(report(check("a", "1")), now, partly=False)
    assert ((), (), 0) == (changes.new, changes.resolved, changes.unchanged)


@pytest.mark.parametrize(
    "then",
    [
        [Check(check="b", status=CheckStatus.SKIP, reason="no privilege")],
        [Check(check="b", status=CheckStatus.ERROR, reason="timeout")],
        [],
    ],
    ids=["skipped", "errored", "not run"],
)
def test_a_rule_that_gave_no_answer_then_has_found_nothing_new_now(then: list[Check]) -> None:
    changes = changes_since(report(check("a", "1"), *then), [check("a", "1", "2"), check("b", "3")], partly=False)
    assert ("2",) == changes.new


def test_nothing_is_resolved_where_relations_were_left_out() -> None:
    assert () == changes_since(report(check("a", "1")), [check("a")], partly=True).resolved


def test_an_accepted_finding_is_still_there() -> None:
    accepted = finding("a", "1").model_copy(update={"baseline": "x"})
    now = Check(check="a", status=CheckStatus.PASS, findings=(accepted,))
    assert 1 == changes_since(report(check("a", "1")), [now], partly=False).unchanged


def test_the_previous_audit_is_one_of_a_database_that_came_to_its_end() -> None:
    stopped = report(problem=Problem(message="unreachable"))
    replayed = report(target=TARGET.model_copy(update={"kind": "saved catalog"}))
    demo = report(command="demo --broken")
    wanted = report(run_id="20260201T000000Z-abcdef")
    assert wanted == previous_audit([stopped, replayed, demo, wanted, report()], "postgresql")
    assert previous_audit([stopped, replayed, demo], "postgresql") is None


def test_a_baseline_holds_the_findings_of_the_reports_inside_it_too(tmp_path: Path) -> None:
    suite = report(check("a", "1"), reports=(report(check("b", "2")),), command="suite")
    path = tmp_path / "report.json"
    path.write_text(suite.model_dump_json(by_alias=True))
    assert Baseline("20260301T000000Z-abcdef", frozenset({"1", "2"})) == load_baseline(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not a report"),
        ("[]", "is not a report"),
        ('{"schema": "dbops/catalog/v1"}', "is not a report"),
        (None, "cannot be read: No such file"),
        (report(problem=Problem(message="unreachable")).model_dump_json(by_alias=True), "could not be carried out"),
    ],
    ids=["no JSON", "a list", "a catalog", "missing", "a run without an answer"],
)
def test_what_is_no_report_is_no_baseline(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=says):
        load_baseline(path)


def test_a_finding_of_the_baseline_stays_marked_and_only_a_new_one_fails(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog]
) -> None:
    run_sql(database, "create table old (a int)")
    [before] = run_rules(snapshot(database), Policy(select=("no-primary-key",)))
    baseline = Baseline("20260301T000000Z-abcdef", frozenset(one.fingerprint for one in before.findings))
    policy = Policy(select=("no-primary-key",), baseline=baseline)
    [same] = run_rules(snapshot(database), policy)
    assert CheckStatus.PASS is same.status
    assert ["20260301T000000Z-abcdef"] == [one.baseline for one in same.findings]
    run_sql(database, "create table young (a int)")
    [after] = run_rules(snapshot(database), policy)
    assert [("public.old", False), ("public.young", True)] == [(one.object, one.stands) for one in after.findings]
    assert 1 == judge(report(after, fail_on=Severity.WARNING)).exit_code
    assert 0 == judge(report(same, fail_on=Severity.WARNING)).exit_code
