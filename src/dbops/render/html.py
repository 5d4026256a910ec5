"""A report as one HTML file: for the ticket, the archive and the printer.

Everything is in the file: styles and charts (SVG), no script, nothing loaded. The order is that of the questions: what
is the verdict, were the objectives reached, how has it been going, what is wrong and how to mend it, what was not
looked at, what vouches for all this. What it does not do: leave out a finding.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from dbops.evidence.trend import trend_of
from dbops.model import CheckStatus, ObjectiveStatus, Verdict
from dbops.quantities import counted, duration, size
from dbops.render.charts import charts_of
from dbops.render.facts import accepted, checkpoint_line, every_report, standing, verdict_line, why_undecided
from dbops.render.pages import Tile, page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dbops.evidence.trend import Trend
    from dbops.model import Artifact, Check, Finding, Objective, Report, Step

# A bar of less than this share of its track could not be seen.
_LEAST = 0.6
_WORST_FIRST = (ObjectiveStatus.MISSED, ObjectiveStatus.NOT_MEASURED, ObjectiveStatus.MET)
_KINDS = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.INCONCLUSIVE: "unsure"}

_RESTORED = {
    Verdict.PASS: "the backup came back whole",
    Verdict.FAIL: "the backup did not come back whole",
    Verdict.INCONCLUSIVE: "could not be told",
}


def html_text(report: Report, trend: Trend | None = None, kept: Path | None = None, also: Sequence[Report] = ()) -> str:
    """Return the page of a report.

    `trend` is the history of its database, `kept` the file that is the evidence, `also` are reports to show with it.
    """
    whole, *inside = [Part.of(one) for one in every_report(report)]
    parts = [*(Part.of(one) for one in also), *inside]
    shown = trend or trend_of([report])
    return page(
        "report.html.j2",
        report=report,
        kind=_KINDS[report.verdict],
        basis=verdict_line(report).partition("  ")[2],
        tiles=tuple(_tiles(report)),
        gauges=tuple(map(Gauge.of, sorted(report.objectives, key=lambda one: _WORST_FIRST.index(one.status)))),
        charts=charts_of(shown),
        reports_drawn=shown.reports,
        whole=whole,
        parts=tuple(parts),
        accepted=tuple(_accepted(report)),
        files=tuple(_files(report)),
        seal=_seal(report),
        checkpoint=checkpoint_line(report),
        kept=kept.name if kept else None,
    )


def _tiles(report: Report) -> Iterator[Tile]:
    if report.restorability is not None:
        yield Tile(
            "Restorability", report.restorability.value, _RESTORED[report.restorability], _KINDS[report.restorability]
        )
    for objective in report.objectives:
        yield _objective_tile(objective)
    parts = list(every_report(report))
    checks = [check for part in parts for check in part.checks]
    if checks:
        found = [finding for part in parts for finding in standing(part)]
        grave = any(finding.severity.rank >= report.fail_on.rank for finding in found)
        passed = sum(check.status is CheckStatus.PASS for check in checks)
        kind = "bad" if grave else "unsure" if found else "good"
        yield Tile("Findings", str(len(found)), counted(passed, "check passes", "checks pass"), kind)
    for backup in trend_of([report]).backups:
        yield Tile("Backup", size(backup.bytes), f"made in {duration(backup.duration_ms)}", "good")
    yield Tile("Took", duration(report.duration_ms), f"exit code {report.exit_code}", "plain")


def _objective_tile(objective: Objective) -> Tile:
    kinds = {ObjectiveStatus.MET: "good", ObjectiveStatus.MISSED: "bad", ObjectiveStatus.NOT_MEASURED: "unsure"}
    value = objective.status.value if objective.value_ms is None else duration(objective.value_ms)
    met = "" if objective.value_ms is None else f"{objective.status}, "
    words = f"{met}{duration(objective.limit_ms)} allowed, {objective.scenario}"
    return Tile(objective.id.upper(), value, words, kinds[objective.status])


@dataclass(frozen=True, slots=True)
class Gauge:
    """An objective as a bar against its limit; `share` and `mark` are percents of the track."""

    objective: Objective
    kind: str
    share: float | None
    mark: float

    @classmethod
    def of(cls, objective: Objective) -> Gauge:
        """Return the bar: the limit stands at the same place until a value runs beyond it."""
        value, limit = objective.value_ms, max(objective.limit_ms, 1)
        kinds = {ObjectiveStatus.MET: "good", ObjectiveStatus.MISSED: "bad", ObjectiveStatus.NOT_MEASURED: "unsure"}
        whole = max(limit * 1.25, (value or 0) * 1.05)
        share = None if value is None else max(_LEAST, round(100 * value / whole, 2))
        return cls(objective, kinds[objective.status], share, round(100 * limit / whole, 2))


class Line(NamedTuple):
    """A step as a bar on the time of its run; `left` and `width` are percents."""

    step: Step
    phase: str
    name: str
    depth: int
    kind: str
    left: float
    width: float


class Group(NamedTuple):
    """The findings of one rule; `why` where it is the same for all of them."""

    rule: str
    title: str
    severity: str
    why: str
    findings: tuple[Finding, ...]


class Undecided(NamedTuple):
    """Checks that share the reason for which they have no answer."""

    names: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Part:
    """A report with what its page says about it in the order in which it says it."""

    report: Report
    kind: str
    basis: str
    lines: tuple[Line, ...]
    groups: tuple[Group, ...]
    failed: tuple[Undecided, ...]
    errors: tuple[Undecided, ...]
    skipped: tuple[Undecided, ...]
    passed: tuple[Check, ...]

    @classmethod
    def of(cls, report: Report) -> Part:
        """Return the part of the page that one report fills."""
        silent = [check for check in report.checks if check.status is CheckStatus.FAIL and not check.findings]
        return cls(
            report=report,
            kind=_KINDS[report.verdict],
            basis=verdict_line(report).partition("  ")[2],
            lines=tuple(_lines(report)),
            groups=tuple(_groups(report)),
            failed=_undecided(silent),
            errors=_undecided([check for check in report.checks if check.status is CheckStatus.ERROR]),
            skipped=_undecided([check for check in report.checks if check.status is CheckStatus.SKIP]),
            passed=tuple(check for check in report.checks if check.status is CheckStatus.PASS),
        )


def _lines(report: Report) -> Iterator[Line]:
    whole = max(report.duration_ms, 1)
    for step in report.steps:
        before = max(0.0, (step.started_at - report.started_at).total_seconds() * 1000)
        left = min(100 - _LEAST, 100 * before / whole)
        width = min(100 - left, max(_LEAST, 100 * step.duration_ms / whole))
        phase, slash, name = step.name.rpartition("/")
        depth = step.name.count("/")
        yield Line(step, phase + slash, name, depth, _KINDS[step.status], round(left, 2), round(width, 2))


def _groups(report: Report) -> Iterator[Group]:
    titles = {check.check: check.title for check in report.checks}
    for rule, found in groupby(standing(report), key=lambda finding: finding.rule):
        findings = tuple(found)
        worst = max((finding.severity for finding in findings), key=lambda severity: severity.rank)
        reasons = {finding.why for finding in findings}
        shared = reasons.pop() if len(reasons) == 1 and len(findings) > 1 else ""
        yield Group(rule, titles.get(rule, ""), worst.value, shared, findings)


def _undecided(checks: Sequence[Check]) -> tuple[Undecided, ...]:
    shared: dict[str, list[str]] = defaultdict(list)
    for check in checks:
        shared[why_undecided(check)].append(check.check)
    return tuple(Undecided(tuple(names), why) for why, names in shared.items())


def _accepted(report: Report) -> Iterator[tuple[Finding, str]]:
    for part in every_report(report):
        for check in part.checks:
            yield from ((finding, accepted(finding)) for finding in check.findings if not finding.stands)


def _files(report: Report) -> Iterator[Artifact]:
    """Yield the files of a report, then those that only a report inside it names."""
    known = set()
    for part in every_report(report):
        for artifact in part.artifacts:
            if artifact.sha256 not in known:
                known.add(artifact.sha256)
                yield artifact


class Seal(NamedTuple):
    """What vouches for the report: a key, and a place in a log."""

    signed: bool
    note: str
    rows: tuple[tuple[str, str], ...]


def _seal(report: Report) -> Seal:
    seal = report.seal or {}
    head = (seal.get("checkpoint") or {}).get("checkpoint") or {}
    keys = [one.get("keyid", "") for one in (seal.get("envelope") or {}).get("signatures") or []]
    rows = [("Key", key) for key in keys]
    if head:
        rows += [
            ("Evidence log", str(head.get("log"))),
            ("Record", f"{int(head.get('size', 1)) - 1}, written {head.get('at')}"),
            ("Digest of the record", str(head.get("head"))),
        ]
    return Seal(seal.get("status") == "signed", str(seal.get("note") or ""), tuple(rows))
