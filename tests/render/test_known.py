"""What a baseline had already fails nothing in any format, and stays to be seen in each; what is new is marked."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from dbops.model import Changes, Check, CheckStatus, Severity, Verdict
from dbops.render.formats import Format, View, render

if TYPE_CHECKING:
    from conftest import MakeFinding, MakeReport
    from dbops.model import Report

BASELINE = "20260101T000000Z-abcdef"


def shown(report: Report, chosen: Format) -> str:
    stream = io.StringIO()
    render(report, chosen, stream, View(color=False))
    return stream.getvalue()


@pytest.fixture
def known(make_report: MakeReport, make_finding: MakeFinding) -> Report:
    """An audit whose only finding is one that the baseline had."""
    finding = make_finding("public.old", baseline=BASELINE)
    return make_report(Check(check="fk-without-index", status=CheckStatus.PASS, findings=(finding,)))


@pytest.fixture
def mixed_with_known(make_report: MakeReport, make_finding: MakeFinding) -> Report:
    """An audit with a finding that the baseline had and one that it had not."""
    findings = (make_finding("public.old", baseline=BASELINE), make_finding("public.young", severity=Severity.ERROR))
    return make_report(Check(check="fk-without-index", status=CheckStatus.FAIL, findings=findings))


def test_a_known_finding_fails_no_run(known: Report, mixed_with_known: Report) -> None:
    assert (Verdict.PASS, 0) == (known.verdict, known.exit_code)
    assert (Verdict.FAIL, 1) == (mixed_with_known.verdict, mixed_with_known.exit_code)


def test_people_see_in_one_line_that_it_is_known(known: Report) -> None:
    text = shown(known, Format.TABLE)
    assert f"known fk-without-index public.old (in the baseline {BASELINE})" in " ".join(text.split())
    assert "fix:" not in text
    assert f"known since the baseline `{BASELINE}`" in shown(known, Format.MARKDOWN)


def test_a_known_finding_is_a_skipped_case_or_no_mark_at_all(known: Report, mixed_with_known: Report) -> None:
    assert "<failure" not in shown(known, Format.JUNIT)
    assert "public.old" in shown(known, Format.JUNIT)
    assert "public.old" not in shown(mixed_with_known, Format.GITHUB)
    assert "public.young" in shown(mixed_with_known, Format.GITHUB)


def test_sarif_says_of_every_result_whether_the_baseline_had_it(known: Report, mixed_with_known: Report) -> None:
    results = json.loads(shown(mixed_with_known, Format.SARIF))["runs"][0]["results"]
    assert [("unchanged", 1), ("new", 0)] == [(one["baselineState"], len(one["suppressions"])) for one in results]
    [only] = json.loads(shown(known, Format.SARIF))["runs"][0]["results"]
    assert "unchanged" == only["baselineState"]


def test_gauges_count_known_findings_apart(mixed_with_known: Report) -> None:
    text = shown(mixed_with_known, Format.PROMETHEUS)
    counted = [line for line in text.splitlines() if line.startswith("dbops_findings") and not line.endswith(" 0.0")]
    assert ["dbops_findings", "dbops_findings_known"] == sorted(line.partition("{")[0] for line in counted)
    assert all(line.endswith(" 1.0") for line in counted)


def test_what_changed_is_told_and_what_is_new_is_marked(make_report: MakeReport, make_finding: MakeFinding) -> None:
    young, old = make_finding("public.young"), make_finding("public.old")
    report = make_report(
        Check(check="fk-without-index", status=CheckStatus.FAIL, findings=(old, young)),
        changes=Changes(since=BASELINE, new=(young.fingerprint,), resolved=("a", "b"), unchanged=1),
    )
    lines = shown(report, Format.TABLE).splitlines()
    assert f"Since {BASELINE}: 1 new, 2 resolved, 1 still there" in lines
    assert ["  public.old", "  public.young  new"] == [line for line in lines if line.startswith("  public.")]
