"""A recovery time is kept with its machine, its rate, and what earlier drills took."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from dbops.drill.machine import read_machine
from dbops.drill.options import DrillOptions
from dbops.drill.recovery import history_of
from dbops.model import Objective, RecoveryHistory
from dbops.render.facts import surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.model import Report
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]
    Drill = Callable[..., Report]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([700], RecoveryHistory(drills=1, p50_ms=700, p95_ms=700)),
        ([100, 300], RecoveryHistory(drills=2, p50_ms=100, p95_ms=300)),
        ([100, 200, 300, 400], RecoveryHistory(drills=4, p50_ms=200, p95_ms=400, trend_ms=100)),
        ([500, 500, 9000, 500, 500], RecoveryHistory(drills=5, p50_ms=500, p95_ms=9000, trend_ms=0)),
        (list(range(1, 101)), RecoveryHistory(drills=100, p50_ms=50, p95_ms=95, trend_ms=1)),
    ],
)
def test_percentiles_are_times_that_were_measured_and_one_slow_night_is_no_trend(
    times: list[int], expected: RecoveryHistory
) -> None:
    assert expected == history_of(times)


def _rto(report: Report) -> Objective:
    return next(one for one in report.objectives if one.id == "rto")


def test_every_passed_drill_counts_in_the_history_of_the_next_without_its_allowances(
    erp: Target, back_up: BackUp, drill: Drill
) -> None:
    stored = back_up(erp)
    drills = [drill(stored), drill(stored, DrillOptions(allowances={"detect": dt.timedelta(hours=1)}))]
    drills.append(drill(stored, DrillOptions(deadline=0.1)))
    drills.append(drill(stored))
    histories = [_rto(report).history for report in drills]
    assert [1, 2, None, 3] == [history and history.drills for history in histories]
    last = histories[-1]
    assert last is not None
    assert last.p95_ms < 3_600_000
    assert last.trend_ms is not None


def test_a_recovery_time_names_its_machine_and_how_much_came_back_in_a_second(
    erp: Target, back_up: BackUp, drill: Drill
) -> None:
    rto = _rto(drill(back_up(erp)))
    assert rto.machine is not None
    assert rto.machine.cpus
    assert rto.machine.memory_bytes
    assert rto.bytes is not None
    restored = sum(
        value for name, value in rto.inputs.items() if name.startswith("restore/") and isinstance(value, int)
    )
    assert rto.bytes * 1000 // restored == rto.bytes_per_second
    assert 3 == len(list(surroundings(rto)))


def test_what_cannot_be_told_of_a_machine_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MOUNTS", "_BLOCK", "_CGROUP"):
        monkeypatch.setattr(f"dbops.drill.machine.{name}", tmp_path / "missing")
    machine = read_machine(tmp_path)
    assert (None, None) == (machine.file_system, machine.disk)


def test_the_limits_of_a_control_group_are_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text("268435456\n")
    monkeypatch.setattr("dbops.drill.machine._CGROUP", tmp_path)
    machine = read_machine(tmp_path)
    assert (1, 268435456) == (machine.cpus, machine.memory_bytes)
