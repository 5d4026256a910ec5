"""Recovery objectives, judged on what was measured and on nothing else.

RTO is the sum of the phases of a restore that ended well on a durable server, plus what the operator declared for the
parts no drill can measure. RPO is a property of every copy there is; a drill of a dump knows the dumps, so it can say
that they alone miss the objective, and never that it is met: nothing in it guarantees when the next dump is taken.
What this does not do: measure (`passes.py` does).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from dbops.model import Objective, ObjectiveStatus

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from dbops.model import BackupManifest

_RTO_SCENARIO = "restore of the newest backup"
_RPO_SCENARIO = "operator error, with dumps alone"


def rto_measured(phases: Mapping[str, int], allowances: Mapping[str, dt.timedelta], limit: dt.timedelta) -> Objective:
    """Return the objective for a restore that took these phases (milliseconds) on a durable server."""
    declared = {f"allowance: {name}": _ms(value) for name, value in allowances.items()}
    value = sum(phases.values()) + sum(declared.values())
    measured = "the phases of this restore, with fsync on and a checkpoint at its end"
    known = f"{measured}, and the declared allowances"
    technical = f"{measured}; technical only: no time to detect, decide, cut over is declared"
    return Objective(
        id="rto",
        scenario=_RTO_SCENARIO,
        status=ObjectiveStatus.MET if value <= _ms(limit) else ObjectiveStatus.MISSED,
        value_ms=value,
        limit_ms=_ms(limit),
        method=known if declared else technical,
        inputs={**phases, **declared},
    )


def rto_not_measured(limit: dt.timedelta, reason: str) -> Objective:
    """Return the objective for a drill that measured no recovery time, and why."""
    return Objective(
        id="rto",
        scenario=_RTO_SCENARIO,
        status=ObjectiveStatus.NOT_MEASURED,
        limit_ms=_ms(limit),
        method=reason,
    )


def rpo_not_measured(limit: dt.timedelta, reason: str) -> Objective:
    """Return the objective for a drill that says nothing about lost data, and why."""
    return Objective(
        id="rpo",
        scenario=_RPO_SCENARIO,
        status=ObjectiveStatus.NOT_MEASURED,
        limit_ms=_ms(limit),
        method=reason,
    )


def rpo_of_dumps(history: Sequence[BackupManifest], now: dt.datetime, limit: dt.timedelta) -> Objective:
    """Return the objective as far as the published dumps of one database (oldest first, not empty) tell it.

    Exposure runs from the snapshot of a dump until the next one is published. Where the newest dump says that the
    source neither archives WAL nor feeds a replica, dumps are all there is, and too old a one misses the objective.
    """
    newest = history[-1]
    exposure = _ms(now - newest.snapshot_at)
    gaps = [_ms(later.published_at - earlier.snapshot_at) for earlier, later in pairwise(history)]
    worst = max([exposure, *gaps])
    alone = newest.settings.get("archiveMode") == "off" and newest.settings.get("walSenders") == "0"
    missed = alone and worst > _ms(limit)
    return Objective(
        id="rpo",
        scenario=_RPO_SCENARIO,
        status=ObjectiveStatus.MISSED if missed else ObjectiveStatus.NOT_MEASURED,
        value_ms=worst if missed else None,
        limit_ms=_ms(limit),
        now_ms=exposure,
        worst_ms=worst,
        method=_MISSED if missed else (_UNGUARANTEED if alone else _OTHER_COPIES),
        inputs={"backups": len(history), "archive_mode": newest.settings.get("archiveMode")},
    )


_MISSED = (
    "from the published dumps, the only copies: the source archives no WAL and feeds no replica; archive WAL"
    " (archive_mode = on, archive_timeout below the objective), or take dumps more often than the objective"
)
_UNGUARANTEED = (
    "the published dumps kept within the objective so far; nothing measured guarantees when the next is taken"
)
_OTHER_COPIES = "the source archives WAL or feeds replicas; how far those would bring it back was not measured here"


def _ms(span: dt.timedelta) -> int:
    return round(span.total_seconds() * 1000)
