"""The whole of it, on the installed PostgreSQL and on the wheel's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.model import ObjectiveStatus, Verdict

from .conftest import EVERYTHING, answers, rpo_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.model import Report

    from .conftest import Archiving

PROGRAMS = ["installed", "wheel"]


def test_an_idle_server_is_recovered_to_a_moment_and_to_its_last_archived_commit(
    archiving: Archiving, drill: Callable[..., Report], base_backup: Path
) -> None:
    report = drill(base_backup=base_backup)
    assert (report.problem, EVERYTHING) == (None, answers(report))
    assert (Verdict.PASS, Verdict.PASS) == (report.verdict, report.restorability)
    assert [f"{report.run_id}/archive.list"] == [one.path for one in report.artifacts]
    rpo = rpo_of(report)
    # Of the three canaries the last is sent when the archive has been listed: it is lost, and known to be.
    assert (ObjectiveStatus.MET, 1) == (rpo.status, rpo.inputs["transactions_lost"])
    assert 0 < (rpo.now_ms or 0) <= (rpo.worst_ms or 0) < 20_000
    assert 60_000 <= (rpo.bound_ms or 0) < 80_000
    rto = next(one for one in report.objectives if one.id == "rto")
    assert (ObjectiveStatus.MET, sum(v for v in rto.inputs.values() if isinstance(v, int))) == (
        rto.status, rto.value_ms,
    )  # fmt: skip
    assert (1, True) == (rto.history.drills if rto.history else 0, bool(rto.bytes_per_second))
    assert archiving.sql("select count(*) from kept") == [(2000,)]
