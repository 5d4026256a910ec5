"""A report as SARIF 2.1.0, for code scanning: findings at the line that declares what they miss.

Rules: every result has a physical location (the expectation's line, else line 1 of the configuration, since GitHub
rejects a file with a result that has none) and a fingerprint that keeps two results on one line apart; an accepted
finding is a suppressed result; what could not be checked is a notification, so that no results never reads as all
clear. A suite is one run for each of its reports, told apart by category. Messages follow the specification's escapes,
so that no object name becomes a link or a placeholder. The text is ASCII.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import dbops
from dbops.checks.rule import rules
from dbops.evidence.judge import check_fails
from dbops.evidence.trend import own_objectives
from dbops.model import CheckStatus, ObjectiveStatus, Severity, Verdict, rfc3339
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

    from dbops.checks.rule import LoadedRule
    from dbops.model import Check, Finding, Location, Objective, Report

Json = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

# Where a result points that no line of the configuration declares.
_CONFIGURATION = "dbops.toml"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_STATEMENTS = ("verify", "fix", "undo", "locks")


def sarif_text(report: Report) -> str:
    """Return one SARIF log with a run for the report and for each report inside it."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(one) for one in every_report(report)]}
    return json.dumps(log, indent=2) + "\n"


def _run(report: Report) -> Json:
    descriptors = _descriptors(report)
    positions = {descriptor["id"]: position for position, descriptor in enumerate(descriptors)}
    results = _told_apart(list(_results(report)))
    for result in results:
        result["ruleIndex"] = positions[result["ruleId"]]
    return {
        "tool": {"driver": {"name": "dbops", "version": _version(report), "rules": descriptors}},
        # GitHub takes what stands before the last slash for the category; one file may hold each category once.
        "automationDetails": {"id": f"dbops/{quote(report.command.replace(' ', '-'))}/{report.run_id}"},
        "invocations": [_invocation(report)],
        "results": results,
        "properties": {"verdict": report.verdict, "runId": report.run_id},
    }


def _version(report: Report) -> str:
    """Return the version of the dbops that made the report, not of the one that renders it."""
    return next((tool.version for tool in report.tools if tool.name == "dbops"), dbops.__version__)


def _descriptors(report: Report) -> list[Json]:
    """Return the metadata of every check that ran and every objective, in the report's order, each once."""
    known = rules()
    described = {check.check: _descriptor(check, known.get(check.check)) for check in report.checks}
    for objective in own_objectives(report):
        text = f"The {objective.id.upper()} stays within its limit"
        described.setdefault(_objective_rule(objective), {"id": _objective_rule(objective), **_described(text)})
    return list(described.values())


def _descriptor(check: Check, rule: LoadedRule | None) -> Json:
    if rule is None:
        why = check.findings[0].why if check.findings else ""
        return {"id": check.check, **_described(check.title or check.check, why)}
    sections = "\n\n".join(f"{heading}\n\n{text}" for heading, text in rule.sections.items())
    return {
        "id": rule.slug,
        **_described(rule.title, rule.why),
        "help": {"text": sections, "markdown": rule.page},
        "defaultConfiguration": {"level": _LEVELS[rule.rule.severity]},
        "properties": {"tags": ["postgresql", rule.family]},
    }


def _described(title: str, why: str = "") -> Json:
    title, why = clean(title), clean(why)
    return {
        "shortDescription": {"text": title},
        "fullDescription": {"text": why or title},
        "help": {"text": f"{title}. {why}".rstrip()},
    }


def _objective_rule(objective: Objective) -> str:
    return f"objective-{objective.id}"


def _results(report: Report) -> Iterator[Json]:
    """Yield what is wrong: findings, checks that fail without one, missed objectives."""
    new = _new(report)
    for check in report.checks:
        for finding in check.findings:
            known = None if new is None else "new" if finding.fingerprint in new else "unchanged"
            yield _finding(finding, known)
        if not check.findings and check_fails(check, report.fail_on):
            yield _other(check.check, check.reason or check.title or check.check, new)
    for objective in own_objectives(report):
        if objective.status is ObjectiveStatus.MISSED:
            yield _other(_objective_rule(objective), measured(objective), new)


def _new(report: Report) -> set[str] | None:
    """Return the fingerprints of what is new, to the baseline where one was given; None where there is no telling."""
    findings = [finding for check in report.checks for finding in check.findings]
    if any(finding.baseline for finding in findings):
        return {finding.fingerprint for finding in findings if finding.baseline is None}
    return set(report.changes.new) if report.changes else None


def _finding(finding: Finding, baseline: str | None) -> Json:
    said = f"{finding.object}: {finding.detail}"
    suppression = {"kind": "external", "status": "accepted", "justification": clean(accepted(finding))}
    return {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": _message(f"{said}\n{finding.why}" if finding.why else said),
        "locations": [_location(finding.location, finding.object)],
        "partialFingerprints": {"dbops/v1": finding.fingerprint},
        # Present on every result: where one has it, a result without it would say "unknown".
        "suppressions": [] if finding.stands else [suppression],
        **({"baselineState": baseline} if baseline else {}),
        "properties": {name: _copied(text) for name in _STATEMENTS if (text := getattr(finding, name))},
    }


def _other(rule: str, said: str, new: set[str] | None) -> Json:
    return {
        "ruleId": rule,
        "level": "error",
        "message": _message(said),
        "locations": [_location(None, None)],
        "partialFingerprints": {"dbops/v1": rule},
        "suppressions": [],
        # History counts findings only, so these are never told from new; the property is on all results or on none.
        **({} if new is None else {"baselineState": "new"}),
    }


def _told_apart(results: list[Json]) -> list[Json]:
    """Give each result the fingerprint GitHub goes by, which is the line's where there is none of our own."""
    seen: Counter[str] = Counter()
    for result in results:
        prints = result["partialFingerprints"]
        own = prints["dbops/v1"]
        seen[own] += 1
        prints["primaryLocationLineHash"] = f"{own}:{seen[own]}"
    return results


def _location(location: Location | None, obj: str | None) -> Json:
    file, line = (location.file, location.line) if location else (_CONFIGURATION, 1)
    path = quote(file, errors="backslashreplace")
    uri = f"file://{path}" if file.startswith("/") else path
    place: Json = {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": max(1, line)}},
    }
    if obj:
        place["logicalLocations"] = [{"fullyQualifiedName": clean(obj)}]
    return place


def _message(text: str) -> Json:
    """Return a message: braces doubled (they mark placeholders), and no link where an object is named like one."""
    escaped = clean(text, keep="\n").replace("{", "{{").replace("}", "}}")
    return {"text": escaped.replace("](", "\\](")}


def _copied(statement: str) -> str:
    """Return SQL as it is, to be run by whoever reads it; JSON escapes what has to be, but for lone surrogates."""
    return statement.encode("utf-8", "backslashreplace").decode()


def _invocation(report: Report) -> Json:
    errored = any(check.status is CheckStatus.ERROR for check in report.checks)
    return {
        "executionSuccessful": report.problem is None and not errored,
        "startTimeUtc": rfc3339(report.started_at),
        "endTimeUtc": rfc3339(report.finished_at),
        "exitCode": report.exit_code,
        "exitCodeDescription": clean(verdict_line(report)),
        "toolExecutionNotifications": list(_notifications(report)),
    }


def _notifications(report: Report) -> Iterator[Json]:
    """Yield what stood in the way of an answer, the gravest first, then what nobody asked."""
    if report.problem is not None:
        hint = f"; {report.problem.hint}" if report.problem.hint else ""
        yield {"level": "error", "message": _message(report.problem.message + hint)}
    for step in broken_steps(report):
        level = "error" if step.status is Verdict.FAIL else "warning"
        yield {"level": level, "message": _message(f"step {step.name}: {step.status}")}
    for status, level in ((CheckStatus.ERROR, "error"), (CheckStatus.SKIP, "warning")):
        for check in report.checks:
            if check.status is status:
                yield {
                    "level": level,
                    "message": _message(f"{check.check}: {why_undecided(check)}"),
                    "associatedRule": {"id": check.check},
                }
    for objective in own_objectives(report):
        if objective.status is ObjectiveStatus.NOT_MEASURED:
            yield {"level": "warning", "message": _message(measured(objective))}
    for text in own_not_tested(report):
        yield {"level": "note", "message": _message(f"not tested: {text}")}
