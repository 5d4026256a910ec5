"""JUnit XML as a CI system reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from junitparser import JUnitXml

from dbops.model import Check, CheckStatus, Problem, Severity, Step, Verdict
from dbops.render.junit import junit_text
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from junitparser import TestCase

    from conftest import MakeFinding, MakeReport
    from dbops.model import Report


def cases(report: Report) -> dict[str, TestCase]:
    """Every case by `class/name`; fails where two share one."""
    read = [case for suite in JUnitXml.fromstring(junit_text(report).encode()) for case in suite]
    named = {f"{case.classname}/{case.name}": case for case in read}
    assert len(read) == len(named)
    return named


def kinds(report: Report) -> dict[str, str]:
    return {
        name: case.result[0]._tag if case.result else "passed"  # the element's name is all there is to tell them apart
        for name, case in cases(report).items()
    }


def test_one_case_for_each_check_expectation_and_objective(mixed: Report) -> None:
    assert {
        "dbops.suite/verdict": "failure",
        "dbops.drill/verdict": "failure",
        "dbops.drill/rto: restore": "failure",
        "dbops.drill/rpo: dumps": "skipped",
        "dbops.audit/verdict": "failure",
        "dbops.audit/fk-without-index": "failure",
        "dbops.audit/expected-index-missing": "failure",
        "dbops.audit.expected-index-missing/account-code": "failure",
        "dbops.audit.expected-index-missing/public.sessions #05db40b5": "skipped",
        "dbops.audit/unused-index": "passed",
        "dbops.audit/no-primary-key": "passed",
        "dbops.audit/slow-query": "skipped",
        "dbops.audit/invalid-index": "error",
    } == kinds(mixed)


def test_the_counts_are_those_of_the_cases(mixed: Report) -> None:
    document = JUnitXml.fromstring(junit_text(mixed).encode())
    assert (13, 7, 1, 3) == (document.tests, document.failures, document.errors, document.skipped)
    assert ["dbops suite", "dbops drill", "dbops audit"] == [suite.name for suite in document]


def test_a_failure_lists_its_findings_with_their_sql(mixed: Report) -> None:
    text = cases(mixed)["dbops.audit/expected-index-missing"].result[0].text
    assert "error: public.accounts: no index for public.accounts (ops/dbops.toml:12)" in text
    assert "fix:\ncreate index concurrently ix on public.accounts (code);" in text
    assert "accepted: small table (dba, until 2027-01-01)" in text


def test_a_skip_says_why_and_what_to_do(mixed: Report) -> None:
    skipped = cases(mixed)["dbops.audit/slow-query"].result[0]
    assert "no pg_stat_statements; create extension ..." == skipped.message


@pytest.mark.parametrize(("fail_on", "kind"), [(Severity.ERROR, "passed"), (Severity.INFO, "failure")])
def test_a_case_fails_only_where_the_verdict_counts_it(
    make_report: MakeReport, make_finding: MakeFinding, fail_on: Severity, kind: str
) -> None:
    found = make_finding(severity=Severity.INFO, rule="expected-index-missing")
    check = Check(check="expected-index-missing", status=CheckStatus.FAIL, findings=(found,))
    assert {kind} == set(kinds(make_report(check, fail_on=fail_on)).values())


def test_a_run_that_broke_before_its_first_check_is_not_green(make_report: MakeReport) -> None:
    step = Step(name="restore", status=Verdict.FAIL, started_at="2026-01-01T00:00:00Z", duration_ms=1)
    assert {"dbops.audit/verdict": "failure"} == kinds(make_report(steps=(step,)))
    unreachable = make_report(problem=Problem(message="nobody there", hint="start it"))
    assert {"dbops.audit/verdict": "error"} == kinds(unreachable)
    assert "nobody there\nstart it" in cases(unreachable)["dbops.audit/verdict"].result[0].text


def test_a_skip_that_strictness_counts_is_not_green(make_report: MakeReport) -> None:
    skipped = Check(check="slow-query", status=CheckStatus.SKIP, reason="no rights")
    passed = Check(check="no-primary-key", status=CheckStatus.PASS)
    lenient = kinds(make_report(skipped, passed))
    assert ("passed", "skipped") == (lenient["dbops.audit/verdict"], lenient["dbops.audit/slow-query"])
    assert "error" == kinds(make_report(skipped, passed, strict=True))["dbops.audit/verdict"]


def test_nothing_but_skips_is_not_green(make_report: MakeReport) -> None:
    skipped = Check(check="slow-query", status=CheckStatus.SKIP, reason="no rights")
    assert "error" == kinds(make_report(skipped))["dbops.audit/verdict"]


def test_a_passed_run_is_green(make_report: MakeReport) -> None:
    assert {"passed"} == set(kinds(make_report(Check(check="no-primary-key", status=CheckStatus.PASS))).values())


def test_the_run_and_its_database_are_properties(mixed: Report) -> None:
    suite = list(JUnitXml.fromstring(junit_text(mixed).encode()))[1]
    assert {
        "runId": "20260301T020000Z-abcdef",
        "verdict": "fail",
        "exitCode": "1",
        "target": "auditor@db:5432/erp",
        "notTested": "large objects",
    } == {one.name: one.value for one in suite.properties()}


def test_no_name_adds_an_element_or_is_lost(nasty: Report, name: str) -> None:
    tree = ET.fromstring(junit_text(nasty))  # noqa: S314  (our own text)
    assert {
        *("testsuites", "testsuite", "properties", "property", "testcase"),
        *("failure", "error", "skipped", "system-out"),
    } >= {element.tag for element in tree.iter()}
    shown = clean(name, keep="\n\t").split()
    texts = "\n".join(element.text or "" for element in tree.iter())
    assert [] == [word for word in shown if word not in texts]
