"""What probes come to: observations of one role and one object make one verdict. Functions of values, no I/O.

Rules, in order: what somebody else's rows were reached by is a *leak*; a refusal of a tenant's own rows is *broken*,
never a pass, since a table that shows nobody anything would pass every other probe; what could not be tried, or nothing
proved that it could have succeeded, is *inconclusive*; a role without any privilege is *not granted*.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbops.drill.isolation.stage import Answer


class Outcome(enum.StrEnum):
    """What a probe, or all probes of one role on one object, came to."""

    PASS = "pass"  # noqa: S105  (an outcome, not a password)
    LEAK = "leak"
    BROKEN = "broken"
    NOT_GRANTED = "not granted"
    INCONCLUSIVE = "inconclusive"
    WAIVED = "waived"


# The object of a verdict on a role that could not be played at all.
EVERY_TABLE = "every table"
_GRAVEST = (Outcome.LEAK, Outcome.BROKEN, Outcome.INCONCLUSIVE, Outcome.NOT_GRANTED)
_REFUSED_BY_POLICY = "42501"
_REFUSED_BY_VIEW = "44000"  # WITH CHECK OPTION
_CHECK_VIOLATION = "23514"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One probe: what was tried as which tenant, what it came to, and the count or SQLSTATE that says so.

    `control` marks what had to succeed. `about` names another object than the one probed, where that is to blame; a
    `doubtful` leak tells that something exists, not what it is. `accepted` says why it has to be so.
    """

    probe: str
    outcome: Outcome
    tenant: str | None = None
    rows: int | None = None
    sqlstate: str | None = None
    words: str = ""
    control: bool = False
    about: str | None = None
    doubtful: bool = False
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all probes of one role on one object came to; `waived` is what it would be, had nobody accepted it."""

    object: str
    role: str
    outcome: Outcome
    observations: tuple[Observation, ...] = ()
    reason: str = ""
    waived: Outcome | None = None

    @property
    def subject(self) -> str:
        """What a finding names, and a waiver accepts: who accepts that own rows are hidden has accepted no leak."""
        return f"{self.object} (own rows)" if (self.waived or self.outcome) is Outcome.BROKEN else self.object

    def those(self, outcome: Outcome) -> list[Observation]:
        """Return the observations with an outcome."""
        return [one for one in self.observations if one.outcome is outcome]


@dataclass(slots=True)
class Case:
    """Collects the observations of one role on one object."""

    object: str
    role: str
    observations: list[Observation] = field(default_factory=list)

    def verdict(self) -> Verdict:
        """Return what they come to."""
        return Verdict(self.object, self.role, outcome_of(self.observations), tuple(self.observations))


def outcome_of(observations: Iterable[Observation]) -> Outcome:
    """Return the gravest outcome; nothing passes without a control that has passed."""
    seen = list(observations)
    for outcome in _GRAVEST:
        if any(one.outcome is outcome and one.about is None for one in seen):
            return outcome
    proven = any(one.control and one.outcome is Outcome.PASS for one in seen)
    return Outcome.PASS if proven else Outcome.INCONCLUSIVE


def of_foreign_rows(answer: Answer, rows: int | None = None) -> Outcome:
    """Judge a statement that must not reach a row; `rows` where they are not those it affected."""
    if answer.untold:
        return Outcome.INCONCLUSIVE
    if answer.refused:
        return Outcome.PASS
    return Outcome.LEAK if (answer.rows if rows is None else rows) else Outcome.PASS


def of_foreign_write(answer: Answer, *, of_partition: bool = False) -> Outcome:
    """Judge a data-changing statement that row-level security must stop before constraints are looked at.

    A violated constraint means that it was let through. A row that does not belong into a partition is refused before
    its policies are asked, when it is moved there by its own name.
    """
    if not answer.refused:
        return Outcome.LEAK if answer.rows else Outcome.PASS
    state = answer.sqlstate or ""
    if state in {_REFUSED_BY_POLICY, _REFUSED_BY_VIEW} or (of_partition and state == _CHECK_VIOLATION):
        return Outcome.PASS
    return Outcome.LEAK if answer.constraint else Outcome.INCONCLUSIVE


def of_write_for_nobody(answer: Answer) -> Outcome:
    """Judge a data-changing statement of a session that asks for no tenant: any refusal but a constraint's is fine."""
    if answer.untold:
        return Outcome.INCONCLUSIVE
    if answer.refused:
        return Outcome.LEAK if answer.constraint else Outcome.PASS
    return Outcome.LEAK if answer.rows else Outcome.PASS


def of_own_write(answer: Answer) -> Outcome:
    """Judge a write that row-level security must let through, whatever constraints say of it afterwards."""
    if not answer.refused or answer.constraint:
        return Outcome.PASS
    return Outcome.BROKEN if answer.sqlstate == _REFUSED_BY_POLICY else Outcome.INCONCLUSIVE
