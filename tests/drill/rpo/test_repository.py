"""What a listing of stored segments tells of the loss now, at most, and of a gap."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from dbops.drill.pitr.wal import Segments
from dbops.drill.rpo.matrix import matrix
from dbops.drill.rpo.repository import Position, Repository, of_repository, segments_in
from dbops.model import ObjectiveStatus

MINUTE = dt.timedelta(minutes=1)
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
SEGMENTS = Segments(1, 16 << 20)


def stored(*numbers: int, every: dt.timedelta = MINUTE) -> dict[str, dt.datetime]:
    """Segments, the last of them stored a minute before noon."""
    return {
        SEGMENTS.name(number): NOON - MINUTE - every * position
        for position, number in enumerate(sorted(numbers, reverse=True))
    }


def position(number: int, offset: int = 5000, *, timeout: dt.timedelta = 2 * MINUTE) -> Position:
    return Position(NOON, SEGMENTS.start(number) + offset, SEGMENTS, timeout, "7")


WHOLE = Repository("a repository", SEGMENTS.name(5), stored(5, 6, 7))


def test_nothing_is_lost_where_the_log_ends_behind_the_last_segment_stored() -> None:
    assert dt.timedelta() == of_repository(WHOLE, position(8, 40)).now


def test_with_archive_timeout_a_commit_is_never_older_than_that_while_nothing_waits() -> None:
    old = replace(WHOLE, stored={name: at - 60 * MINUTE for name, at in WHOLE.stored.items()})
    assert 2 * MINUTE == of_repository(old, position(8)).now
    assert 61 * MINUTE == of_repository(old, position(9)).now  # a finished segment waits


def test_without_archive_timeout_the_objective_is_missed() -> None:
    copy = of_repository(WHOLE, position(8, timeout=dt.timedelta()))
    assert (None, ObjectiveStatus.MISSED) == (copy.bound, matrix([copy], 15 * MINUTE)[0].status)


def test_behind_a_gap_nothing_counts_however_new_it_is() -> None:
    copy = of_repository(replace(WHOLE, stored=stored(5, 7, 8)), position(9))
    assert f"{SEGMENTS.name(6)} is not there, 2 later ones are" == copy.broken
    assert 3 * MINUTE == copy.now


def test_a_pause_between_two_segments_may_have_lost_something_and_may_not() -> None:
    copy = of_repository(replace(WHOLE, stored=stored(5, 6, 7, every=60 * MINUTE)), position(8, 40))
    host = matrix([copy], 15 * MINUTE)[0]
    assert (None, 60 * MINUTE) == (copy.worst, copy.at_most)
    assert ObjectiveStatus.NOT_MEASURED is host.status
    assert "stood still for 1 h" in host.method
    assert ObjectiveStatus.MET is matrix([copy], 90 * MINUTE)[0].status


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (None, "no good backup"),
        (SEGMENTS.name(4), "with which its newest backup begins"),
        (Segments(2, 16 << 20).name(5), "of another timeline"),
    ],
)
def test_without_the_beginning_there_is_nothing(first: str | None, words: str) -> None:
    assert words in (of_repository(replace(WHOLE, first=first), position(8)).broken or "")


def test_only_whole_segments_are_counted() -> None:
    name = SEGMENTS.name(5)
    names = [
        f"{name}-{'a' * 40}.lz4", f"{name}.00000028.backup", f"{name}.partial", "00000002.history", "archive.info",
        f"{SEGMENTS.name(6)}.gz", SEGMENTS.name(7),
    ]  # fmt: skip
    assert [SEGMENTS.name(5), SEGMENTS.name(6), SEGMENTS.name(7)] == sorted(segments_in(dict.fromkeys(names, NOON)))
