"""How a database's runs went over time: RTO, RPO, backup size and findings, drawn from reports.

Functions of reports that were read; the one that reads them takes the newest of each kind and leaves it to `verify` to
say whether they are authentic. What it does not do: draw, or judge.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from dbops.evidence.history import previous_reports
from dbops.model import CheckStatus, ObjectiveStatus, Severity, Verdict

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from dbops.model import Objective, Report

# A year of nights and some more; what is older is in the evidence, not on the chart.
MOST = 400
_FOLDERS = ("backup", "backup-drill", "index-audit")
_SIZE = re.compile(r"(\d+) bytes")


@dataclass(frozen=True, slots=True)
class Measured:
    """What an objective came to in one run; for one that was not measured, the exposure that was on record."""

    at: dt.datetime
    value_ms: int
    limit_ms: int
    status: ObjectiveStatus


@dataclass(frozen=True, slots=True)
class Published:
    """The size of a backup, and how long it took."""

    at: dt.datetime
    bytes: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """How many findings stood after one audit, by severity."""

    at: dt.datetime
    counts: Mapping[Severity, int]


@dataclass(frozen=True, slots=True)
class Trend:
    """The history of one database, each series oldest first; objectives by id and scenario."""

    objectives: Mapping[tuple[str, str], tuple[Measured, ...]]
    backups: tuple[Published, ...]
    audits: tuple[Found, ...]
    reports: int = 0


def trend_of(reports: Iterable[Report]) -> Trend:
    """Return the history that `reports` tell, in any order; a report that comes twice counts once."""
    known = {(one.command, one.run_id): one for report in reports for one in _flat(report)}
    ordered = sorted(known.values(), key=lambda report: report.finished_at)
    objectives: dict[tuple[str, str], list[Measured]] = {}
    for report in ordered:
        for objective in own_objectives(report):
            if measured := _measured(report, objective):
                objectives.setdefault((objective.id, objective.scenario), []).append(measured)
    return Trend(
        {key: tuple(series) for key, series in sorted(objectives.items(), key=lambda item: item[0], reverse=True)},
        tuple(_published(ordered)),
        tuple(Found(one.finished_at, _standing(one)) for one in ordered if _is_audit(one)),
        len(ordered),
    )


def kept_trend(log_dir: Path, report: Report) -> Trend:
    """Return the history of the database that `report` is about, from the reports kept below `log_dir` and itself."""
    target = report.target
    kept: list[Report] = []
    if target is not None and target.system_identifier is not None:
        for folder in _FOLDERS:
            found = previous_reports(log_dir / folder, target.system_identifier, target.database)
            kept.extend(islice(found, MOST))
    return trend_of([*kept, report])


def published_bytes(report: Report) -> int | None:
    """Return the size of the dump that a run published, which the step that wrote it says; None for other runs."""
    if report.command != "backup" or report.verdict is not Verdict.PASS:
        return None
    said = [found for step in report.steps if (found := _SIZE.fullmatch(step.output or ""))]
    return int(said[0][1]) if said else None


def own_objectives(report: Report) -> list[Objective]:
    """Return the objectives of one report that it did not take over from a report inside it."""
    taken = [objective for part in report.reports for objective in part.objectives]
    return [objective for objective in report.objectives if objective not in taken]


def _flat(report: Report) -> Iterator[Report]:
    yield report
    for part in report.reports:
        yield from _flat(part)


def _measured(report: Report, objective: Objective) -> Measured | None:
    exposures = (objective.value_ms, objective.worst_ms, objective.now_ms)
    value = next((one for one in exposures if one is not None), None)
    return None if value is None else Measured(report.finished_at, value, objective.limit_ms, objective.status)


def _published(reports: Iterable[Report]) -> Iterator[Published]:
    for report in reports:
        size = published_bytes(report)
        if size is not None:
            yield Published(report.finished_at, size, report.duration_ms)


def _is_audit(report: Report) -> bool:
    """Tell whether a report is of an audit that looked at something."""
    return report.command == "audit" and any(c.status in {CheckStatus.PASS, CheckStatus.FAIL} for c in report.checks)


def _standing(report: Report) -> Mapping[Severity, int]:
    counts = Counter(f.severity for check in report.checks for f in check.findings if f.stands)
    return {severity: counts[severity] for severity in Severity}
