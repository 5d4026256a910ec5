"""Waiting until a segment is in the archive, and telling the ways in which it does not get there.

Archived is what the archive's listing says: the file is there, as large as a segment. Then, in order: the archiver says
that it did while the listing does not (it lies, or writes elsewhere); it fails, again and again; it is slow, and the
time is up. What this does not do: finish a segment, or judge.
"""

from __future__ import annotations

import datetime as dt
import enum
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.quantities import counted

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.connection.deadline import Deadline
    from dbops.drill.pitr.source import Archiver, Source

_QUICK_SECONDS = 0.01
_SLOW_SECONDS = 0.2
# The server is told "archived" before this machine sees the file, where the archive is on a network.
_LYING_SECONDS = 2.0
# The archiver tries three times in about as many seconds before it sleeps for a minute.
_FAILING_SECONDS = 3.5


class Ending(enum.Enum):
    """How the wait ended."""

    ARCHIVED = enum.auto()
    LYING = enum.auto()
    FAILING = enum.auto()
    SLOW = enum.auto()


@dataclass(frozen=True, slots=True)
class Waited:
    """What came of a wait for one segment."""

    ending: Ending
    segment: str
    took: dt.timedelta
    found: int | None
    archiver: Archiver

    def words(self, directory: Path, waiting: tuple[int, dt.datetime | None] | None) -> str:
        """Return what happened, in a sentence."""
        there = "is not there" if self.found is None else f"has {self.found} bytes there"
        match self.ending:
            case Ending.ARCHIVED:
                return f"was in the archive after {self.took.total_seconds():.2f} s"
            case Ending.LYING:
                return (
                    f"is archived as archive_command says, and {there}: in {directory}. The command lies, or writes"
                    " elsewhere"
                )
            case Ending.FAILING:
                return (
                    f"is not archived: archive_command fails, {counted(self.archiver.failed, 'time')} so far, last for"
                    f" {self.archiver.last_failed}"
                )
            case Ending.SLOW:
                behind = (
                    f"; {counted(waiting[0], 'finished segment waits', 'finished segments wait')}" if waiting else ""
                )
                return f"was not in the archive after {self.took.total_seconds():.0f} s{behind}"


def await_archived(source: Source, directory: Path, segment: str, seconds: float, deadline: Deadline) -> Waited:
    """Return how the wait for a finished segment ended, after `seconds` at most."""
    number = source.segments.number(segment)
    before = source.archiver()
    started = time.monotonic()
    pause = _QUICK_SECONDS
    claimed = failing = asked = 0.0
    now = before

    def waited(ending: Ending, found: int | None) -> Waited:
        return Waited(ending, segment, dt.timedelta(seconds=time.monotonic() - started), found, now)

    while True:
        found = _size(directory / segment)
        if found == source.facts.segment_bytes:
            return waited(Ending.ARCHIVED, found)
        elapsed = time.monotonic() - started
        if elapsed - asked >= _SLOW_SECONDS or not asked:
            now, asked = source.archiver(), max(elapsed, _QUICK_SECONDS)
            claimed = (claimed or elapsed) if now.claims(source.segments, number) else 0.0
            failing = (failing or elapsed) if _fails(before, now) else 0.0
        if claimed and elapsed - claimed > _LYING_SECONDS:
            return waited(Ending.LYING, found)
        if failing and elapsed - failing > _FAILING_SECONDS:
            return waited(Ending.FAILING, found)
        if elapsed > seconds:
            return waited(Ending.FAILING if failing else Ending.SLOW, found)
        deadline.left()
        time.sleep(pause)
        pause = min(pause * 1.5, _SLOW_SECONDS)


def _fails(before: Archiver, now: Archiver) -> bool:
    """Tell whether nothing has been archived since it failed; it may have failed long before the wait, and sleep."""
    if now.last_failed_at is None:
        return False
    failed_last = now.last_archived_at is None or now.last_failed_at > now.last_archived_at
    return failed_last and now.archived == before.archived


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
