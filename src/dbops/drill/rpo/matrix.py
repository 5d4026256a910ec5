"""The recovery point objective of three scenarios, each judged on the best of the copies that it leaves.

Rules, in order:

1. A replica repeats an operator's mistake, so it counts for the loss of a host alone. Of the loss of a site nothing
   survives but what is declared to be kept elsewhere.
2. Judged on the bound and the worst, never on the lucky moment after a backup.
3. One copy that meets it is enough. Missed is said where every copy is known to miss it, or where there is none; else
   it is not measured, and the reasons are named.

What this does not do: measure a copy (the other modules here do).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.drill.rpo.copies import Kind, Scenario, SurvivingCopy
from dbops.model import Objective, ObjectiveStatus

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Sequence

_COVERS = {
    Scenario.HOST_LOSS: frozenset(Kind),
    Scenario.OPERATOR_ERROR: frozenset({Kind.DUMPS, Kind.WAL}),
}
_UNDECLARED = (
    "nothing is declared to be kept at another site; where something is, say so: [drill] offsite ="
    ' ["dumps", "wal", "replica"]'
)
_NOTHING = "no copy survives it; archive WAL (archive_mode, archive_timeout) and take base backups"


def matrix(copies: Sequence[SurvivingCopy], limit: dt.timedelta, offsite: Collection[str] = ()) -> list[Objective]:
    """Return one objective per scenario, from all the copies there are."""
    return [_judge(scenario, _survivors(scenario, copies, offsite), limit, offsite) for scenario in Scenario]


def _survivors(scenario: Scenario, copies: Sequence[SurvivingCopy], offsite: Collection[str]) -> list[SurvivingCopy]:
    if scenario is Scenario.SITE_LOSS:
        return [one for one in copies if one.kind.value in offsite]
    return [one for one in copies if one.kind in _COVERS[scenario]]


def _judge(scenario: Scenario, copies: list[SurvivingCopy], limit: dt.timedelta, offsite: Collection[str]) -> Objective:
    if not copies:
        undeclared = scenario is Scenario.SITE_LOSS and not offsite
        status = ObjectiveStatus.NOT_MEASURED if undeclared else ObjectiveStatus.MISSED
        method = _UNDECLARED if undeclared else _NOTHING
        return Objective(id="rpo", scenario=scenario.value, status=status, limit_ms=ms(limit), method=method)
    met = [one for one in copies if one.meets(limit)]
    if met:
        return _objective(scenario, ObjectiveStatus.MET, _smallest(met), limit, "")
    if all(one.misses(limit) for one in copies):
        return _objective(scenario, ObjectiveStatus.MISSED, _smallest(copies), limit, _why_missed(copies, limit))
    open_ones = [one for one in copies if not one.misses(limit)]
    return _objective(scenario, ObjectiveStatus.NOT_MEASURED, _smallest(open_ones), limit, _why_open(open_ones))


def _smallest(copies: list[SurvivingCopy]) -> SurvivingCopy:
    """Return the copy that loses the least; one without any figure, or that is broken, loses more than all others."""
    return min(copies, key=lambda one: (one.broken is not None, one.exposure is None, one.exposure or 0))


def _why_missed(copies: list[SurvivingCopy], limit: dt.timedelta) -> str:
    reasons = [f"{one.name}: {_reason(one, limit)}" for one in copies]
    remedies = dict.fromkeys(one.remedy for one in copies if one.remedy)
    return "; ".join([*reasons, *remedies])


def _reason(one: SurvivingCopy, limit: dt.timedelta) -> str:
    if one.broken or one.unbounded:
        return one.broken or one.unbounded or ""
    named = (("the configuration allows", one.bound), ("the worst was", one.worst), ("now it is", one.now))
    return next(f"{words} {spell(value)}" for words, value in named if value is not None and value > limit)


def _why_open(copies: list[SurvivingCopy]) -> str:
    return "; ".join(f"{one.name}: {one.doubt or _unknown(one)}" for one in copies)


def _unknown(one: SurvivingCopy) -> str:
    if one.at_most is None:
        return "not all of its figures are known"
    return f"it stood still for {spell(one.at_most)}, and whether anything was committed meanwhile is not known"


def _objective(
    scenario: Scenario, status: ObjectiveStatus, one: SurvivingCopy, limit: dt.timedelta, why: str
) -> Objective:
    measured = status is not ObjectiveStatus.NOT_MEASURED
    return Objective(
        id="rpo",
        scenario=scenario.value,
        status=status,
        value_ms=_ms(one.exposure) if measured else None,
        limit_ms=ms(limit),
        now_ms=_ms(one.now),
        worst_ms=_ms(one.highest),
        bound_ms=_ms(one.bound),
        method=why or f"{one.name}: {one.method}",
        inputs={"copy": one.name, **one.inputs},
    )


def spell(span: dt.timedelta) -> str:
    """Return "24 h 5 min", "31 s" or "0.4 s"."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 2:
        return f"{round(seconds)} s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if not rest else f"{minutes} min {rest} s"


def ms(span: dt.timedelta) -> int:
    """Return a span in milliseconds, as documents keep it."""
    return round(span.total_seconds() * 1000)


def _ms(span: dt.timedelta | None) -> int | None:
    return None if span is None else ms(span)
