"""Which copy survives what, and what that makes of the objective."""

from __future__ import annotations

import datetime as dt

import pytest

from dbops.drill.objectives import rpo_of_dumps
from dbops.drill.rpo.copies import Kind, Scenario, SurvivingCopy
from dbops.drill.rpo.dumps import of_dumps
from dbops.drill.rpo.matrix import matrix, spell
from dbops.model import BackupArtifact, BackupManifest, ObjectiveStatus, SourceInfo

MINUTE = dt.timedelta(minutes=1)
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
LIMIT = 15 * MINUTE
MET, MISSED, OPEN = ObjectiveStatus.MET, ObjectiveStatus.MISSED, ObjectiveStatus.NOT_MEASURED


def manifest(taken: dt.datetime, archive_mode: str = "off") -> BackupManifest:
    source = SourceInfo(
        system_identifier="1", timeline=1, lsn="0/0", database="d", version="15.1", encoding="UTF8", locale="C",
        provider="c",
    )  # fmt: skip
    return BackupManifest(
        id="x",
        snapshot_at=taken,
        published_at=taken + MINUTE,
        source=source,
        artifact=BackupArtifact(files=(), format="custom", codec="gzip"),
        settings={"archiveMode": archive_mode, "walSenders": "0"},
    )


def copy(kind: Kind, now: int | None, worst: int | None, bound: int | None, **more: str) -> SurvivingCopy:
    spans = {
        name: None if value is None else value * MINUTE
        for name, value in {"now": now, "worst": worst, "bound": bound}.items()
    }
    return SurvivingCopy(kind=kind, name=f"the {kind.value}", method="told", **spans, **more)  # type: ignore[arg-type]


def statuses(*copies: SurvivingCopy, offsite: tuple[str, ...] = ()) -> list[ObjectiveStatus]:
    return [one.status for one in matrix(copies, LIMIT, offsite)]


GOOD_WAL = copy(Kind.WAL, 0, 1, 2)
GOOD_REPLICA = copy(Kind.REPLICA, 0, 0, 0)
NIGHTLY = copy(Kind.DUMPS, 5, 24 * 60, None, doubt="nothing guarantees the next")


@pytest.mark.parametrize(
    ("hours_ago", "archive_mode", "status"),
    [
        ([1], "off", MISSED),
        ([0], "off", OPEN),
        ([24, 0], "off", MISSED),
        ([24, 0], "on", OPEN),
        ([48, 24, 0], "off", MISSED),
    ],
)
def test_dumps_can_miss_the_rpo_and_never_meet_it(
    hours_ago: list[int], archive_mode: str, status: ObjectiveStatus
) -> None:
    history = [manifest(NOON - hours * 60 * MINUTE, archive_mode) for hours in hours_ago]
    host, operator, site = rpo_of_dumps(history, NOON + 5 * MINUTE, LIMIT)
    assert [status, status, OPEN] == [host.status, operator.status, site.status]


def test_nightly_dumps_alone_name_the_change_that_would_meet_it() -> None:
    history = [manifest(NOON - days * 24 * 60 * MINUTE) for days in (2, 1, 0)]
    objective = rpo_of_dumps(history, NOON + 5 * MINUTE, LIMIT)[0]
    assert (24 * 60 + 1) * 60_000 == objective.value_ms == objective.worst_ms
    assert 5 * 60_000 == objective.now_ms
    assert "archive_timeout below the objective" in objective.method


def test_the_exposure_of_dumps_is_by_their_manifests_and_runs_until_the_next_is_published() -> None:
    (one,) = of_dumps([manifest(NOON), manifest(NOON + 30 * MINUTE)], NOON + 40 * MINUTE)
    assert (10 * MINUTE, 31 * MINUTE) == (one.now, one.worst)


def test_a_replica_survives_a_host_and_no_operator() -> None:
    assert [MET, MISSED, OPEN] == statuses(GOOD_REPLICA, NIGHTLY)


def test_an_archive_survives_both_and_a_site_only_where_it_is_said_to() -> None:
    assert [MET, MET, OPEN] == statuses(GOOD_WAL, NIGHTLY)
    assert [MET, MET, MET] == statuses(GOOD_WAL, NIGHTLY, offsite=("wal",))
    assert [MET, MET, MISSED] == statuses(GOOD_WAL, NIGHTLY, offsite=("dumps",))


def test_what_is_declared_elsewhere_and_is_not_there_is_missed() -> None:
    assert MISSED is statuses(NIGHTLY, offsite=("wal",))[2]


def test_without_any_copy_it_is_missed() -> None:
    assert [MISSED, MISSED, OPEN] == statuses()


def test_the_lucky_moment_after_a_backup_does_not_count() -> None:
    assert MISSED is statuses(copy(Kind.WAL, 0, 16, 2))[0]
    assert MISSED is statuses(copy(Kind.WAL, 0, 1, 16))[0]


@pytest.mark.parametrize(
    "unsure",
    [copy(Kind.WAL, 0, None, 2), copy(Kind.WAL, 0, 1, None), copy(Kind.WAL, 0, 1, 2, doubt="no base backup")],
)
def test_what_is_not_known_or_doubted_is_not_measured(unsure: SurvivingCopy) -> None:
    assert OPEN is statuses(unsure)[0]


@pytest.mark.parametrize(
    "bad", [copy(Kind.WAL, 0, 1, 2, broken="a hole"), copy(Kind.WAL, 0, 1, None, unbounded="archive_timeout is 0")]
)
def test_what_is_broken_or_unbounded_is_missed_whatever_its_figures(bad: SurvivingCopy) -> None:
    objective = matrix([bad], LIMIT)[0]
    assert MISSED is objective.status
    assert (bad.broken or bad.unbounded or "") in objective.method


def test_one_copy_that_meets_it_is_enough_and_the_best_one_speaks() -> None:
    objective = matrix([NIGHTLY, copy(Kind.WAL, 3, 3, 3), GOOD_WAL], LIMIT)[0]
    assert (MET, 2 * 60_000) == (objective.status, objective.value_ms)


def test_the_objective_is_missed_by_more_than_the_limit_and_not_by_the_limit() -> None:
    assert MET is statuses(copy(Kind.WAL, 15, 15, 15))[0]


def test_every_scenario_is_answered_once() -> None:
    assert [scenario.value for scenario in Scenario] == [one.scenario for one in matrix([], LIMIT)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (31, "31 s"), (300, "5 min"), (330, "5 min 30 s"), (86_700, "24 h 5 min")]
)
def test_spans_are_spelled_for_people(seconds: float, text: str) -> None:
    assert text == spell(dt.timedelta(seconds=seconds))
