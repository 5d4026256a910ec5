"""Collects a period from the records of a log as they are examined, one after the other; values in, values out.

Rules, in order: a run counts by the record of its end, in the period in which that was written; only what verifies
counts, and what does not is listed with the reason; without a trusted key nothing counts. A failure is mended when a
later run of the same kind on the same database passes; one that died before it knew its database, where its kind ran on
one database only, by the next that passes there. What it does not do: read files, or draw.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dbops.evidence.gaps import GapFinder
from dbops.evidence.judge import check_fails
from dbops.evidence.period import Accepted, Counted, Failure, NotCounted, Period, Ran, Reached
from dbops.evidence.records import RunAborted, RunFinished, RunStarted
from dbops.evidence.trend import Trend, own_objectives, trend_of
from dbops.model import CheckStatus, ObjectiveStatus, Report, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbops.evidence.examine import Seen

_UNTRUSTED = "no trusted key was given, so nobody vouches for it"
_UNSIGNED = "it was written without a key"
_NO_DATABASE = "no database"


@dataclass(slots=True)
class Collector:
    """Is told of every record as it is examined, and keeps what falls into the period."""

    begin: dt.datetime | None
    end: dt.datetime
    trusted: bool
    largest_gap: dt.timedelta | None = None
    runs: list[Ran] = field(default_factory=list)
    not_counted: list[NotCounted] = field(default_factory=list)
    _started: dict[str, RunStarted] = field(default_factory=dict)
    _gaps: GapFinder = field(default_factory=GapFinder)
    _before: GapFinder = field(default_factory=GapFinder)

    def take(self, seen: Seen) -> None:
        """Note what one record says."""
        record = seen.record
        if record is None:
            self.not_counted.append(NotCounted("", "a line of the log", "; ".join(seen.faults)))
            return
        at = dt.datetime.fromisoformat(record.at)
        inside = (self.begin is None or at >= self.begin) and at < self.end
        if isinstance(record, RunFinished | RunAborted):
            self._started.pop(record.run_id, None)
            if inside:
                self._end(record, seen, at)
            elif at < self.end and not _why_not(seen, trusted=self.trusted):
                self._before.take(record)
        elif inside:
            if isinstance(record, RunStarted):
                self._started[record.run_id] = record
            if seen.faults:
                self.not_counted.append(NotCounted(record.at, record.type, "; ".join(seen.faults)))

    def _end(self, record: RunFinished | RunAborted, seen: Seen, at: dt.datetime) -> None:
        why_not = _why_not(seen, trusted=self.trusted)
        report = _read(seen.body) if seen.body is not None else None
        if report is None and seen.body is not None:
            why_not = why_not or "its report is of a format that this version cannot read"
        if why_not:
            self.not_counted.append(NotCounted(record.at, f"{record.command} {record.run_id}", why_not))
            return
        self._gaps.take(record)
        source = record.source if isinstance(record, RunFinished) else None
        target = report.target if report else None
        database = source.database if source else target.database if target else _NO_DATABASE
        why = _why(report) if report else record.reason if isinstance(record, RunAborted) else ""
        self.runs.append(
            Ran(
                at=at,
                run_id=record.run_id,
                command=record.command,
                database=database,
                verdict=Verdict(record.verdict) if record.verdict else None,
                exit_code=record.exit_code,
                challenge=record.challenge,
                why=why,
                report=_trimmed(report) if report else None,
            )
        )

    def period(self, now: dt.datetime) -> Period:
        """Return what the period came to; it is not over before `now`."""
        reports = [run.report for run in self.runs if run.report]
        return Period(
            begin=self.begin,
            end=self.end,
            runs=tuple(self.runs),
            not_counted=tuple(self.not_counted),
            unfinished=tuple(f"{one.command} {one.run_id}, started {one.at}" for one in self._started.values()),
            population=tuple(_population(self.runs)),
            failures=tuple(_failures(self.runs)),
            waivers=tuple(_waivers(self.runs)),
            objectives=tuple(_objectives(self.runs)),
            gaps=tuple(self._gap_sentences(min(self.end, now))),
            largest_gap=self.largest_gap,
            not_tested=tuple(dict.fromkeys(text for report in reversed(reports) for text in report.not_tested)),
            trends=_trends(self.runs),
        )

    def _gap_sentences(self, until: dt.datetime) -> Iterator[str]:
        if self.largest_gap is None:
            return
        if not self._gaps.runs:
            yield "no run that counts has ended in this period"
            return
        if self.begin is not None:
            yield from self._gaps.late(self.largest_gap, self.begin)
            yield from self._gaps.silent(self._before) if until - self.begin > self.largest_gap else ()
        yield from self._gaps.gaps(self.largest_gap, until)


def _why_not(seen: Seen, *, trusted: bool) -> str:
    if seen.faults:
        return "; ".join(seen.faults)
    if not trusted:
        return _UNTRUSTED
    return "" if seen.signed else _UNSIGNED


def _read(body: dict[str, object]) -> Report | None:
    try:
        return Report.model_validate(body)
    except ValidationError:
        return None


def _trimmed(report: Report) -> Report:
    """Return a report without what a period does not need, or what its parts say: years of them are held at once."""
    telling = [check for check in report.checks if check.findings or check.status is not CheckStatus.PASS]
    # One that passed shows that something was looked at.
    telling += [check for check in report.checks if check.status is CheckStatus.PASS and not check.findings][:1]
    kept = {"checks": tuple(telling), "objectives": tuple(own_objectives(report))}
    return report.model_copy(update={**kept, "reports": (), "tools": (), "artifacts": (), "notes": (), "changes": None})


def _why(report: Report) -> str:
    return "; ".join(_reasons(report))


def _reasons(report: Report) -> Iterator[str]:
    """Yield why a run did not pass, nothing for one that did."""
    if report.verdict is Verdict.PASS:
        return
    if report.problem is not None:
        yield report.problem.message
    if report.restorability not in {None, Verdict.PASS}:
        yield f"restorability {report.restorability}"
    for objective in report.objectives:
        if objective.status is ObjectiveStatus.MISSED:
            yield f"{objective.id.upper()} missed ({objective.scenario})"
    yield from (check.check for check in report.checks if check_fails(check, report.fail_on))
    yield from (f"{c.check} could not be checked" for c in report.checks if c.status is CheckStatus.ERROR)
    yield from (f"{step.name}: {step.status}" for step in report.steps if step.status is not Verdict.PASS)
    if report.strict:
        yield from (f"{check.check} was skipped" for check in report.checks if check.status is CheckStatus.SKIP)
        unknown = (it for it in report.objectives if it.status is ObjectiveStatus.NOT_MEASURED)
        yield from (f"{objective.id.upper()} not measured ({objective.scenario})" for objective in unknown)
    elif report.checks and all(check.status is CheckStatus.SKIP for check in report.checks):
        yield "every check was skipped"


def _population(runs: Iterable[Ran]) -> Iterator[Counted]:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for run in runs:
        verdict = run.verdict.value if run.verdict else "aborted"
        counts.setdefault((run.database, run.command), Counter())[verdict] += 1
    for (database, command), verdicts in sorted(counts.items()):
        yield Counted(database, command, dict(verdicts))


def _failures(runs: Iterable[Ran]) -> Iterator[Failure]:
    listed = list(runs)
    known: dict[str, set[str]] = {}
    for run in listed:
        known.setdefault(run.command, set()).update({run.database} - {_NO_DATABASE})
    for place, run in enumerate(listed):
        if run.verdict is Verdict.PASS:
            continue
        only = known[run.command] if run.database == _NO_DATABASE and len(known[run.command]) == 1 else {run.database}
        same = (later for later in listed[place + 1 :] if later.command == run.command and later.database in only)
        yield Failure(run, next((later.at for later in same if later.verdict is Verdict.PASS), None))


def _waivers(runs: Iterable[Ran]) -> Iterator[Accepted]:
    seen: dict[tuple[str, str, str, str, str, dt.date], list[dt.datetime]] = {}
    for run in runs:
        for check in run.report.checks if run.report else ():
            for finding in check.findings:
                if waiver := finding.waived:
                    key = (run.database, finding.rule, finding.object, waiver.reason, waiver.owner, waiver.expires)
                    seen.setdefault(key, []).append(run.at)
    for key, moments in sorted(seen.items()):
        yield Accepted(*key, len(moments), moments[0], moments[-1])


def _objectives(runs: Iterable[Ran]) -> Iterator[Reached]:
    """Yield each objective of each database, with how often it was reached."""
    known: dict[tuple[str, str, str], list[tuple[int | None, int, ObjectiveStatus]]] = {}
    for run in runs:
        for one in run.report.objectives if run.report else ():
            known.setdefault((one.id, one.scenario, run.database), []).append((one.value_ms, one.limit_ms, one.status))
    for (identity, scenario, database), series in sorted(known.items()):
        unknown = ObjectiveStatus.NOT_MEASURED
        statuses = Counter(status for _, _, status in series)
        values = [value for value, _, status in series if value is not None and status is not unknown]
        yield Reached(
            id=identity,
            scenario=scenario,
            database=database,
            limit_ms=series[-1][1],
            met=statuses[ObjectiveStatus.MET],
            missed=statuses[ObjectiveStatus.MISSED],
            not_measured=statuses[ObjectiveStatus.NOT_MEASURED],
            best_ms=min(values, default=None),
            median_ms=round(statistics.median(values)) if values else None,
            worst_ms=max(values, default=None),
            newest=next((status for _, _, status in reversed(series) if status is not unknown), unknown),
        )


def _trends(runs: Iterable[Ran]) -> dict[str, Trend]:
    by_database: dict[str, list[Report]] = {}
    for run in runs:
        if run.report is not None and run.database != _NO_DATABASE:
            by_database.setdefault(run.database, []).append(run.report)
    return {database: trend_of(reports) for database, reports in sorted(by_database.items())}
