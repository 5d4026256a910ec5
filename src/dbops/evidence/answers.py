"""The properties an auditor asks about, and answers to them: yes, no, or not checked, each with what it rests on.

A property nobody could check is never a yes. Broken evidence ends with exit code 4; evidence that is sound and says no,
such as a missed objective, with 1.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.errors import ExitCode
from dbops.evidence.failure import report_without_run
from dbops.evidence.judge import gravest
from dbops.evidence.keys import NO_TRUST, Trust
from dbops.model import Check, CheckStatus, Verdict

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from dbops.evidence.records import Checkpoint
    from dbops.evidence.tally import ObjectiveTally
    from dbops.model import Report

# How many sentences about one property are shown; the rest is counted.
_SHOWN = 10


class Property(enum.StrEnum):
    """What an auditor asks about evidence."""

    AUTHENTIC = "AUTHENTIC"
    COMPLETE = "COMPLETE"
    NOT_ROLLED_BACK = "NOT ROLLED BACK"
    NO_GAPS = "NO GAPS"
    ARTIFACTS_MATCH = "ARTIFACTS MATCH"
    OBJECTIVES = "OBJECTIVES"


class Answer(enum.StrEnum):
    """Whether a property holds."""

    YES = "yes"
    NO = "no"
    NOT_CHECKED = "not checked"


# A property that does not hold is broken evidence, except for these two: there the evidence is sound and says no.
_SOUND = {Property.NO_GAPS, Property.OBJECTIVES}


@dataclass(frozen=True, slots=True)
class Answered:
    """A property, whether it holds, and what that rests on; one sentence each."""

    name: Property
    answer: Answer
    reasons: tuple[str, ...]

    @property
    def line(self) -> str:
        """Return the one line that is printed for the property."""
        return f"{self.name}: {self.answer} ({'; '.join(self.reasons)})"


@dataclass(frozen=True, slots=True)
class Verification:
    """The answers about one log directory or one report."""

    subject: str
    answers: tuple[Answered, ...]

    @property
    def exit_code(self) -> int:
        """Return 4 when evidence is broken or not authenticated, 1 when sound evidence says no, else 0."""
        broken = [ExitCode.FAIL if it.name in _SOUND else ExitCode.EVIDENCE_BROKEN for it in self._refused()]
        return gravest([int(code) for code in broken])

    def as_report(self) -> Report:
        """Return the answers as the report of `evidence verify`: one check each."""
        verdict = Verdict.FAIL if self.exit_code else Verdict.PASS
        checks = tuple(_check(answered) for answered in self.answers)
        report = report_without_run("evidence verify")
        return report.model_copy(update={"verdict": verdict, "exit_code": self.exit_code, "checks": checks})

    def _refused(self) -> list[Answered]:
        return [answered for answered in self.answers if answered.answer is Answer.NO]


def _check(answered: Answered) -> Check:
    status = {Answer.YES: CheckStatus.PASS, Answer.NO: CheckStatus.FAIL, Answer.NOT_CHECKED: CheckStatus.SKIP}
    return Check(
        check="evidence-" + answered.name.lower().replace(" ", "-"),
        status=status[answered.answer],
        title=answered.name.capitalize(),
        reason="; ".join(answered.reasons),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What to verify against: trusted keys, an older checkpoint, and the largest gap between runs that is allowed."""

    trust: Trust = NO_TRUST
    checkpoint: Checkpoint | None = None
    max_gap: dt.timedelta | None = None
    now: dt.datetime | None = None


def objectives_answer(tally: ObjectiveTally) -> Answered:
    """Return where the recovery objectives stand."""
    if tally.missed():
        return no(Property.OBJECTIVES, tally.missed())
    if not tally.met():
        return Answered(Property.OBJECTIVES, Answer.NOT_CHECKED, ("none has been measured",))
    return Answered(Property.OBJECTIVES, Answer.YES, tuple(tally.met()))


def no(name: Property, faults: Sequence[str]) -> Answered:
    """Return that a property does not hold, with the first sentences of why and the number of the others."""
    rest = len(faults) - _SHOWN
    return Answered(name, Answer.NO, (*faults[:_SHOWN], *([f"and {rest} more"] if rest > 0 else [])))
