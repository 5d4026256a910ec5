"""What the formats for programs and tickets ask of a report, each answered once, so that they agree with each other.

Whether something fails is judged as `evidence/judge.py` judges it: a format never turns red where the verdict is green.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dbops.model import Verdict
from dbops.quantities import counted, duration, size
from dbops.render.findings import gravest_first
from dbops.render.summary import basis_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.model import Check, Finding, Objective, Report, Step


def every_report(report: Report) -> Iterator[Report]:
    """Yield a report, then the reports inside it, at any depth."""
    yield report
    for part in report.reports:
        yield from every_report(part)


def standing(report: Report) -> list[Finding]:
    """Return the findings of one report that nobody accepted, the gravest rule first."""
    return gravest_first(finding for check in report.checks for finding in check.findings if finding.stands)


def own_not_tested(report: Report) -> list[str]:
    """Return what one report says was not tested, without what a report inside it says."""
    taken = {text for part in report.reports for text in part.not_tested}
    return [text for text in report.not_tested if text not in taken]


def broken_steps(report: Report) -> list[Step]:
    """Return the steps that did not pass; none for a suite, whose steps are the reports inside it."""
    return [] if report.reports else [step for step in report.steps if step.status is not Verdict.PASS]


def why_undecided(check: Check) -> str:
    """Return why a check was skipped or could not be carried out, and the remedy."""
    return "; ".join(text for text in (check.reason, check.remedy) if text) or "no reason given"


def accepted(finding: Finding) -> str:
    """Return who accepted a finding, why, and until when, or that it was known; nothing for one that stands."""
    if waiver := finding.waived:
        return f"{waiver.reason} ({waiver.owner}, until {waiver.expires})"
    return f"known since the baseline {finding.baseline}" if finding.baseline else ""


def measured(objective: Objective) -> str:
    """Return what an objective came to, in one sentence: value, limit, scenario and method."""
    value = f"{duration(objective.value_ms)} of " if objective.value_ms is not None else ""
    return (
        f"{objective.id.upper()} {objective.status}: {value}{duration(objective.limit_ms)} allowed, "
        f"{objective.scenario}: {objective.method}"
    )


def surroundings(objective: Objective) -> Iterator[str]:
    """Yield the figures an objective was judged by, what it was measured on, and earlier drills, in a sentence each."""
    figures = (("now", objective.now_ms), ("worst", objective.worst_ms), ("bound", objective.bound_ms))
    if told := [f"{name} {duration(value)}" for name, value in figures if value is not None]:
        yield ", ".join(told)
    if objective.bytes is not None and objective.bytes_per_second is not None:
        yield f"{size(objective.bytes)} came back, {size(objective.bytes_per_second)} a second"
    if machine := objective.machine:
        disk = f"{machine.file_system} on a {machine.disk} disk" if machine.disk else machine.file_system
        known = [
            counted(machine.cpus, "processor") if machine.cpus else None,
            f"{size(machine.memory_bytes)} of memory" if machine.memory_bytes else None,
            disk,
        ]
        yield f"on {', '.join(text for text in known if text)}"
    if history := objective.history:
        drills = counted(history.drills, "drill")
        yield (
            f"{drills} on this host: p50 {duration(history.p50_ms)}, p95 {duration(history.p95_ms)}"
            f"{_trend(history.trend_ms)}"
        )


def _trend(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    if not milliseconds:
        return "; no trend"
    more = "longer" if milliseconds > 0 else "less"
    return f"; by the trend each takes {duration(abs(milliseconds))} {more} than the one before"


def checkpoint_line(report: Report) -> str | None:
    """Return the checkpoint in a report's seal as the one line that a file of its own would hold; None without one."""
    checkpoint = (report.seal or {}).get("checkpoint")
    return json.dumps(checkpoint, sort_keys=True, separators=(",", ":")) if checkpoint else None


def verdict_line(report: Report) -> str:
    """Return the verdict with what it rests on, the exit code and the time taken, in one line."""
    return f"{report.verdict.upper()}  {basis_line(report)}"
