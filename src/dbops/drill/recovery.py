"""A measured recovery time in its surroundings: machine, rate, and what earlier drills of this database took.

The rules: only drills that passed on the same host, of the same scenario, are compared; times are those of the phases,
without declared allowances, which somebody may change; percentiles are of times that were measured (nearest rank). The
trend is the median of the slopes between all pairs of drills (Theil-Sen), so that one slow night does not make one.
"""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING

from dbops.drill.machine import read_machine
from dbops.evidence.history import previous_reports
from dbops.model import Objective, RecoveryHistory, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dbops.drill.copy import Copy
    from dbops.evidence.run import Run
    from dbops.model import Report

# So many earlier drills are looked at, the newest: half a year of nights.
_MOST = 180
_ALLOWANCE = "allowance: "
_FEWEST_FOR_A_TREND = 3
_BRINGS_BACK = ("restore/", "recover ")


def in_context(objective: Objective, run: Run, copy: Copy) -> Objective:
    """Return the recovery time of a copy with machine, rate and history."""
    return surrounded(objective, run, copy.server.data_directory, copy.bytes)


def surrounded(objective: Objective, run: Run, directory: Path, size: int | None) -> Objective:
    """Return a recovery time with the machine that `directory` is on, the rate of `size` bytes, and history."""
    restored = sum(value for name, value in _phases(objective) if name.startswith(_BRINGS_BACK))
    return objective.model_copy(
        update={
            "machine": read_machine(directory),
            "bytes": size,
            "bytes_per_second": size * 1000 // restored if size and restored else None,
            "history": history_of([*_earlier(run, objective.scenario), _technical(objective)]),
        }
    )


def history_of(times: Sequence[int]) -> RecoveryHistory:
    """Return what these recovery times (milliseconds, the oldest first, not empty) say together."""
    ordered = sorted(times)
    return RecoveryHistory(
        drills=len(times), p50_ms=_percentile(ordered, 50), p95_ms=_percentile(ordered, 95), trend_ms=_trend(times)
    )


def _percentile(ordered: Sequence[int], percent: int) -> int:
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _trend(times: Sequence[int]) -> int | None:
    """Return by how many milliseconds a drill takes longer than the one before; None where too few were made."""
    if len(times) < _FEWEST_FOR_A_TREND:
        return None
    pairs = itertools.combinations(enumerate(times), 2)
    return round(statistics.median((later - earlier) / (j - i) for (i, earlier), (j, later) in pairs))


def _earlier(run: Run, scenario: str) -> list[int]:
    """Return what earlier drills took, the oldest first; none where the server does not say which cluster it is."""
    target = run.target
    if target is None or target.system_identifier is None:
        return []
    kept = previous_reports(run.report_path.parent, target.system_identifier, target.database)
    return list(itertools.islice(_times(kept, run.host, scenario), _MOST))[::-1]


def _times(reports: Iterator[Report], host: str, scenario: str) -> Iterator[int]:
    for report in reports:
        if report.host != host or report.restorability is not Verdict.PASS:
            continue
        for objective in report.objectives:
            if objective.id == "rto" and objective.scenario == scenario and objective.value_ms is not None:
                yield _technical(objective)


def _technical(objective: Objective) -> int:
    return sum(value for _, value in _phases(objective))


def _phases(objective: Objective) -> Iterator[tuple[str, int]]:
    for name, value in objective.inputs.items():
        if isinstance(value, int) and not name.startswith(_ALLOWANCE):
            yield name, value
