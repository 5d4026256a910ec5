"""What a period's evidence comes to: its runs, failures, gaps, waivers and objectives, and what that answers.

What it does not do: find them in a log (`collector.py`), or draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.evidence.answers import Answer, Answered, Property, Verification, no
from dbops.model import CheckStatus, ObjectiveStatus, Report, Verdict
from dbops.quantities import counted

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from dbops.evidence.trend import Trend

_ANSWERS = frozenset({CheckStatus.PASS, CheckStatus.FAIL})


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that counts. `report` is None for one that died without a report; its checks are only those that matter."""

    at: dt.datetime
    run_id: str
    command: str
    database: str
    verdict: Verdict | None
    exit_code: int | None
    challenge: str | None
    why: str
    report: Report | None


@dataclass(frozen=True, slots=True)
class NotCounted:
    """A record of the period that does not count, and why."""

    at: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that did not pass, and when the next of its kind on the same database did."""

    run: Ran
    mended_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that was waived, and in how many audits."""

    database: str
    rule: str
    object: str
    reason: str
    owner: str
    expires: dt.date
    audits: int
    first: dt.datetime
    last: dt.datetime


@dataclass(frozen=True, slots=True)
class Reached:
    """How often an objective was met, and what it came to; milliseconds, None where it was never measured."""

    id: str
    scenario: str
    database: str
    limit_ms: int
    met: int
    missed: int
    not_measured: int
    best_ms: int | None
    median_ms: int | None
    worst_ms: int | None
    newest: ObjectiveStatus


@dataclass(frozen=True, slots=True)
class Counted:
    """How the runs of one command on one database ended."""

    database: str
    command: str
    verdicts: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(self.verdicts.values())


@dataclass(frozen=True, slots=True)
class Period:
    """Everything a reader is told about a period."""

    begin: dt.datetime | None
    end: dt.datetime
    runs: tuple[Ran, ...]
    not_counted: tuple[NotCounted, ...]
    unfinished: tuple[str, ...]
    population: tuple[Counted, ...]
    failures: tuple[Failure, ...]
    waivers: tuple[Accepted, ...]
    objectives: tuple[Reached, ...]
    gaps: tuple[str, ...]
    largest_gap: dt.timedelta | None
    not_tested: tuple[str, ...]
    trends: Mapping[str, Trend]

    @property
    def missed(self) -> list[Reached]:
        """Objectives whose newest measurement in the period missed them."""
        return [one for one in self.objectives if one.newest is ObjectiveStatus.MISSED]

    @property
    def challenged(self) -> dict[str, list[Ran]]:
        """The runs that were made for somebody who had named a word for it, by that word."""
        words: dict[str, list[Ran]] = {}
        for run in self.runs:
            if run.challenge is not None:
                words.setdefault(run.challenge, []).append(run)
        return words

    def of(self, command: str) -> list[Ran]:
        """Return the runs of one command."""
        return [run for run in self.runs if run.command == command]

    def looked(self, command: str) -> list[Ran]:
        """Return the runs of one command that came to an answer: one that could not connect speaks for nothing."""
        reports = ((run, run.report) for run in self.of(command))
        return [run for run, report in reports if report and any(one.status in _ANSWERS for one in report.checks)]

    @property
    def restored(self) -> list[Ran]:
        """Drills that restored a backup's data, whether it came back whole or not."""
        return [run for run in self.of("drill") if run.report and run.report.restorability is not None]


def answered_for(verification: Verification, period: Period) -> Verification:
    """Return a verification of the whole log with gaps and objectives answered for the period alone."""
    own = {Property.NO_GAPS: _no_gaps(period), Property.OBJECTIVES: _all_met(period)}
    return Verification(verification.subject, tuple(own.get(one.name, one) for one in verification.answers))


def _no_gaps(period: Period) -> Answered:
    if period.largest_gap is None:
        return Answered(Property.NO_GAPS, Answer.NOT_CHECKED, ("no largest gap was given (--max-gap)",))
    if period.gaps:
        return no(Property.NO_GAPS, period.gaps)
    return Answered(Property.NO_GAPS, Answer.YES, ("no gap in this period is longer than what was allowed",))


def _all_met(period: Period) -> Answered:
    measured = [one for one in period.objectives if one.met or one.missed]
    if not measured:
        return Answered(Property.OBJECTIVES, Answer.NOT_CHECKED, ("none was measured in this period",))
    said = [
        f"{it.id} of {it.database} ({it.scenario}): met {it.met}, missed {counted(it.missed, 'time')}"
        for it in measured
    ]
    missed = [f"{it.id} of {it.database} ({it.scenario}) was missed at last" for it in period.missed]
    return no(Property.OBJECTIVES, missed) if missed else Answered(Property.OBJECTIVES, Answer.YES, tuple(said))
