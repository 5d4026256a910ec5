"""Recovery objectives, judged on what was measured and on nothing else.

RTO is the sum of the phases of a restore that ended well on a durable server, plus what the operator declared for the
parts no drill can measure. RPO is a property of every copy there is, judged per scenario (`rpo/`); a drill of a dump
knows the dumps. What this does not do: measure (`passes.py` does).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.drill.rpo.dumps import of_dumps, of_settings
from dbops.drill.rpo.matrix import matrix, ms
from dbops.model import Objective, ObjectiveStatus

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping, Sequence

    from dbops.drill.rpo.copies import SurvivingCopy
    from dbops.model import BackupManifest

NEWEST = "restore of the newest backup"
OLDER = "restore of an older backup"
_RPO_SCENARIO = "every scenario"
_DURABLE = "the phases of this restore, with fsync on and a checkpoint at its end"
PAUSED = "the phases of this recovery, from the base backup to the paused copy's first answer"


def rto_measured(
    phases: Mapping[str, int],
    allowances: Mapping[str, dt.timedelta],
    limit: dt.timedelta,
    scenario: str = NEWEST,
    measured: str = _DURABLE,
) -> Objective:
    """Return the objective for a recovery that took these phases (milliseconds); `measured` says what they are."""
    declared = {f"allowance: {name}": ms(value) for name, value in allowances.items()}
    value = sum(phases.values()) + sum(declared.values())
    known = f"{measured}, and the declared allowances"
    technical = f"{measured}; technical only: no time to detect, decide, cut over is declared"
    return Objective(
        id="rto",
        scenario=scenario,
        status=ObjectiveStatus.MET if value <= ms(limit) else ObjectiveStatus.MISSED,
        value_ms=value,
        limit_ms=ms(limit),
        method=known if declared else technical,
        inputs={**phases, **declared},
    )


def rto_not_measured(limit: dt.timedelta, reason: str, scenario: str = NEWEST) -> Objective:
    """Return the objective for a drill that measured no recovery time, and why."""
    return Objective(
        id="rto",
        scenario=scenario,
        status=ObjectiveStatus.NOT_MEASURED,
        limit_ms=ms(limit),
        method=reason,
    )


def rpo_not_measured(limit: dt.timedelta, reason: str) -> Objective:
    """Return the objective for a drill that says nothing about lost data, and why."""
    return Objective(
        id="rpo",
        scenario=_RPO_SCENARIO,
        status=ObjectiveStatus.NOT_MEASURED,
        limit_ms=ms(limit),
        method=reason,
    )


def rpo_of_dumps(
    history: Sequence[BackupManifest],
    now: dt.datetime,
    limit: dt.timedelta,
    offsite: Collection[str] = (),
    copies: Sequence[SurvivingCopy] | None = None,
) -> list[Objective]:
    """Return the objectives of a drill of a dump: the published dumps of one database (oldest first, not empty).

    `copies` are the others there are; None where nobody looked, and then the newest dump says what the source had.
    """
    others = of_settings(history[-1]) if copies is None else copies
    return matrix([*of_dumps(history, now), *others], limit, offsite)
