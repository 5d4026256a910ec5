"""Archivers that do not archive: each kind is recognised, and none passes for one that does."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from dbops.model import ObjectiveStatus, Verdict

from .conftest import answers, check_of, rpo_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.model import Report

    from .conftest import Archiving


def said(report: Report) -> str:
    return " ".join(finding.detail for finding in check_of(report, "wal-archived").findings)


@pytest.mark.parametrize(
    ("command", "words"),
    [("/bin/true", "The command lies, or writes elsewhere"), ("/bin/false", "archive_command fails")],
)
def test_an_archiver_that_does_not_archive_fails_the_drill(
    archiving: Archiving, drill: Callable[..., Report], command: str, words: str
) -> None:
    archiving.archive_by(command)
    report = drill()
    assert (Verdict.FAIL, "fail", "fail") == (
        report.restorability, answers(report)["wal-archived"], answers(report)["wal-complete"],
    )  # fmt: skip
    assert words in said(report)
    assert "recovered-to-tip" not in answers(report)
    # Nothing after the base backup can be had back, however short ago it was.
    rpo = rpo_of(report)
    assert ObjectiveStatus.MISSED is rpo.status
    assert (rpo.now_ms or 0) > 0


def test_an_archiver_that_lied_for_a_while_leaves_a_hole_that_stays(
    archiving: Archiving, drill: Callable[..., Report]
) -> None:
    from dbops.connection.deadline import Deadline
    from dbops.drill.pitr.base import Taker

    place = archiving.archive.parent / "nightly"
    place.mkdir()
    taker = Taker(archiving.server.binaries, place, Deadline.after(60))
    taker.take(archiving.target, place / "base", "nightly")
    archiving.archive_by("/bin/true")
    archiving.commit()
    lost = archiving.sql("select pg_walfile_name(pg_switch_wal())")[0][0]
    _until(archiving, f"last_archived_wal >= '{lost}'")
    archiving.archive_by(archiving.good_command)
    report = drill(base_backup=place / "base")
    assert "pass" == answers(report)["wal-archived"]
    (hole,) = check_of(report, "wal-complete").findings
    assert (lost, "is not in the archive, later ones are") == (hole.object, hole.detail.partition(".")[0])
    assert (Verdict.FAIL, ObjectiveStatus.MISSED) == (report.restorability, rpo_of(report).status)


def test_a_slow_archiver_is_waited_for_and_then_said_to_be_slow(
    archiving: Archiving, drill: Callable[..., Report]
) -> None:
    archiving.archive_by(f"sleep 4; {archiving.good_command}")
    report = drill(archive_wait=0.5)
    assert "was not in the archive after" in said(report)
    assert "fail" == answers(report)["wal-archived"]
    waited = drill(archive_wait=60.0)
    assert "pass" == answers(waited)["wal-archived"]
    assert int(rpo_of(waited).inputs["time_to_archive_ms"] or 0) > 1000


def test_an_archive_command_that_writes_elsewhere_is_told_from_this_directory(
    archiving: Archiving, drill: Callable[..., Report]
) -> None:
    elsewhere = archiving.server.own_directory("elsewhere")
    archiving.archive_by(f"cp %p {shlex.quote(str(elsewhere))}/%f")
    assert "is not there" in said(drill())


def _until(archiving: Archiving, condition: str) -> None:
    import time

    for _ in range(500):
        if archiving.sql(f"select 1 from pg_stat_archiver where {condition}"):
            return
        time.sleep(0.02)
    raise AssertionError((condition, archiving.sql("select * from pg_stat_archiver")))
