"""A report as JUnit XML, for the test tab of a CI system: a suite for each report, a case for each answer.

Rules: one case per check and per objective; a failed expectation is a case of its own as well, by its id, so that it
has a history; what was skipped or not measured is skipped, what could not be carried out is an error. A case fails only
where the verdict counts it, and the case `verdict` is green only where the verdict is: a drill that broke before its
first check is not an empty, green file. What XML cannot hold is written as an escape. The text is ASCII.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from dbops.evidence.judge import check_fails
from dbops.evidence.trend import own_objectives
from dbops.model import CheckStatus, ObjectiveStatus, Verdict
from dbops.quantities import counted
from dbops.render.facts import (
    accepted,
    broken_steps,
    every_report,
    measured,
    own_not_tested,
    verdict_line,
    why_undecided,
)
from dbops.render.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.model import Check, Finding, Objective, Report

Result = Failure | Error | Skipped

# Findings of these rules are about one declaration each.
_EXPECTATIONS = "expected-"
_LABELS = {"verify": "look", "fix": "fix", "undo": "undo"}


def junit_text(report: Report) -> str:
    """Return one document with a suite of cases for the report and for each report inside it."""
    document = JUnitXml("dbops")
    for one in every_report(report):
        document.add_testsuite(_suite(one))
    document.update_statistics()  # type: ignore[no-untyped-call]
    xml: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return xml.decode().encode("ascii", "xmlcharrefreplace").decode() + "\n"


def _suite(report: Report) -> TestSuite:
    suite = TestSuite(_plain(f"dbops {report.command}"))
    suite.hostname = _plain(report.host)
    suite.timestamp = report.started_at.isoformat(timespec="seconds")
    for name, value in _properties(report):
        suite.add_property(name, _plain(value))
    suite.add_testcases([_verdict(report), *_cases(report)])
    return suite


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    yield "runId", report.run_id
    yield "verdict", report.verdict
    yield "exitCode", str(report.exit_code)
    if report.target is not None:
        yield "target", report.target.address
    yield from (("notTested", text) for text in own_not_tested(report))


def _verdict(report: Report) -> TestCase:
    case = TestCase("verdict", _plain(f"dbops.{report.command}"))
    lines = [verdict_line(report)]
    if report.problem is not None:
        lines += [report.problem.message, report.problem.hint or ""]
    lines += [f"step {step.name}: {step.status}" for step in broken_steps(report)]
    if report.verdict is Verdict.PASS:
        case.system_out = _plain("\n".join(lines))
    else:
        kind = Failure if report.verdict is Verdict.FAIL else Error
        case.result = _result(kind, lines[0], report.verdict, "\n".join(filter(None, lines)))
    return case


def _cases(report: Report) -> Iterator[TestCase]:
    group = _plain(f"dbops.{report.command}")
    for check in report.checks:
        yield _check(check, report, group)
        if check.check.startswith(_EXPECTATIONS):
            yield from (_expectation(finding, report, f"{group}.{_plain(check.check)}") for finding in check.findings)
    for objective in own_objectives(report):
        yield _objective(objective, group)


def _check(check: Check, report: Report, group: str) -> TestCase:
    case = TestCase(_plain(check.check), group, check.duration_ms / 1000)
    if check.status is CheckStatus.ERROR:
        case.result = _result(Error, why_undecided(check), "could not be checked")
    elif check.status is CheckStatus.SKIP:
        case.result = _result(Skipped, why_undecided(check), "not checked")
    elif check_fails(check, report.fail_on):
        number = sum(finding.stands for finding in check.findings)
        said = f"{check.title or check.check}: {counted(number, 'finding') if number else check.reason or 'failed'}"
        case.result = _result(Failure, said, "fail", _listed(check))
    elif check.findings:
        case.system_out = _plain(_listed(check))
    return case


def _expectation(finding: Finding, report: Report, group: str) -> TestCase:
    # Reports of the first version know no ids.
    name = finding.expectation or f"{finding.object} #{finding.fingerprint[:8]}"
    case = TestCase(_plain(name), group, 0)
    if not finding.stands:
        type_ = "waived" if finding.waived else "baseline"
        case.result = _result(Skipped, f"accepted: {accepted(finding)}", type_, _described(finding))
    elif finding.severity.rank >= report.fail_on.rank:
        case.result = _result(Failure, finding.detail, finding.severity, _described(finding))
    else:
        case.system_out = _plain(_described(finding))
    return case


def _objective(objective: Objective, group: str) -> TestCase:
    case = TestCase(_plain(f"{objective.id}: {objective.scenario}"), group, 0)
    match objective.status:
        case ObjectiveStatus.MET:
            case.system_out = _plain(measured(objective))
        case ObjectiveStatus.MISSED:
            case.result = _result(Failure, measured(objective), "missed")
        case ObjectiveStatus.NOT_MEASURED:
            case.result = _result(Skipped, measured(objective), "not measured")
    return case


def _result(kind: type[Result], message: str, type_: str, text: str = "") -> Result:
    result = kind(clean(message), type_)
    if text:
        result.text = _plain(text)
    return result


def _listed(check: Check) -> str:
    return "\n\n".join([*filter(None, [check.reason]), *map(_described, check.findings)])


def _described(finding: Finding) -> str:
    """Return a finding with its SQL, for reading."""
    place = f" ({finding.location.file}:{finding.location.line})" if finding.location else ""
    lines = [f"{finding.severity}: {finding.object}: {finding.detail}{place}", finding.why]
    if not finding.stands:
        lines.append(f"accepted: {accepted(finding)}")
    lines += [f"{label}:\n{text}" for name, label in _LABELS.items() if (text := getattr(finding, name))]
    return "\n".join(filter(None, lines))


def _plain(text: str) -> str:
    """Return text that XML can hold: line breaks and tabs kept, every other control character written as an escape."""
    return clean(text, keep="\n\t")
