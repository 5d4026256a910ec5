"""A repository that a backup program keeps, in figures from its own listing: no restore, and no segment is read.

Rules, in order:

1. Whole is what the first segment of the newest good backup leads to without a gap. Behind a gap nothing counts,
   however new it is; a program's own "ok", its lowest and its highest segment say nothing of the middle.
2. Lost now: nothing, where the server's log ends right behind the last of them. Else the time since that one was
   stored. With `archive_timeout`, and no finished segment waiting, no commit is older than that; an idle server goes on
   writing records that are none.
3. The worst is at most the longest time between two segments stored; whether anything was committed in it, the listing
   does not say.

What this does not do: run a program (`pgbackrest.py`, `barman.py`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from dbops.drill.pitr.wal import Segments, is_segment, parse_lsn
from dbops.drill.rpo.copies import Kind, SurvivingCopy
from dbops.drill.rpo.matrix import ms
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbops.connection.session import Session

_NONE = dt.timedelta(0)
# The header of a segment's first page: a log that ends right behind it holds nothing of that segment.
_HEADER = 40
_NEW_BACKUP = "take a new full backup at once: what is behind the gap cannot be had until then"
_SET_TIMEOUT = "set archive_timeout below the objective: alter system set archive_timeout = '1min'; then reload"


@dataclass(frozen=True, slots=True)
class Position:
    """Where the server stands, by its own clock."""

    at: dt.datetime
    lsn: int
    segments: Segments
    archive_timeout: dt.timedelta
    system_identifier: str

    @classmethod
    def of(cls, session: Session) -> Self:
        """Return where the server of a session stands."""
        text = resources.files(__package__ or "dbops.drill.rpo").joinpath("sql", "position.sql").read_bytes()
        at, lsn, segment_bytes, seconds = session.fetch_all(text)[0]
        facts = session.facts
        return cls(
            at=at,
            lsn=parse_lsn(lsn),
            segments=Segments(facts.timeline or 0, segment_bytes),
            archive_timeout=dt.timedelta(seconds=seconds),
            system_identifier=facts.system_identifier or "",
        )


@dataclass(frozen=True, slots=True)
class Repository:
    """What a program lists: `first` is where the newest good backup begins, `stored` when each segment came in."""

    name: str
    first: str | None
    stored: Mapping[str, dt.datetime]
    doubt: str | None = None
    broken: str | None = None
    remedy: str = ""
    inputs: Mapping[str, int | str | None] = field(default_factory=dict)


def of_repository(repository: Repository, position: Position) -> SurvivingCopy:
    """Return the repository as a copy."""
    broken, remedy = repository.broken, repository.remedy
    if broken is None and repository.first is None:
        broken, remedy = "it holds no good backup to start from", "take a full backup"
    if broken is not None or repository.first is None:
        return _copy(repository, broken=broken, remedy=remedy)
    segments = position.segments
    if not segments.mine(repository.first):
        return _copy(
            repository,
            broken=f"its newest backup is of another timeline than the server, {segments.timeline}",
            remedy="take a new full backup after every promotion",
        )
    return _measured(repository, repository.first, position)


def _measured(repository: Repository, first: str, position: Position) -> SurvivingCopy:
    segments = position.segments
    start = last = segments.number(first)
    while segments.name(last) in repository.stored:
        last += 1
    missing = segments.name(last)
    last -= 1
    later = [name for name in repository.stored if segments.mine(name) and name > missing]
    broken = f"{missing} is not there, {counted(len(later), 'later one is', 'later ones are')}" if later else None
    if last < start:
        return _copy(
            repository, broken=f"{first} is not there, with which its newest backup begins", remedy=_NEW_BACKUP
        )
    times = [repository.stored[segments.name(number)] for number in range(start, last + 1)]
    now = _lost(position, last, times[-1], whole=broken is None)
    bounded = position.archive_timeout > _NONE
    return _copy(
        repository,
        now=now,
        at_most=max([now, *(later - earlier for earlier, later in pairwise(times))]),
        bound=position.archive_timeout if bounded else None,
        unbounded=None if bounded else "archive_timeout is 0: on a quiet server a commit waits for its segment to fill",
        broken=broken,
        remedy=_NEW_BACKUP if broken else _SET_TIMEOUT if not bounded else repository.remedy,
        inputs={
            "segments": len(times),
            "newest_segment": segments.name(last),
            "archive_timeout_ms": ms(position.archive_timeout),
        },
    )


def _lost(position: Position, last: int, stored: dt.datetime, *, whole: bool) -> dt.timedelta:
    """Return what would be lost now, from the last segment that counts."""
    segments = position.segments
    if whole and position.lsn <= segments.start(last + 1) + _HEADER:
        return _NONE
    since = max(position.at - stored, _NONE)
    # The segment that is being written is the only one that is not stored.
    current = whole and segments.holding(position.lsn) == last + 1
    return min(since, position.archive_timeout) if current and position.archive_timeout else since


def _copy(  # noqa: PLR0913  (the figures of a copy)
    repository: Repository,
    *,
    now: dt.timedelta | None = None,
    at_most: dt.timedelta | None = None,
    bound: dt.timedelta | None = None,
    unbounded: str | None = None,
    broken: str | None = None,
    remedy: str = "",
    inputs: Mapping[str, int | str | None] | None = None,
) -> SurvivingCopy:
    return SurvivingCopy(
        kind=Kind.WAL,
        name=repository.name,
        method=(
            "from its own listing, not recovered; now: since the last segment stored without a gap, worst: at most the"
            " longest time between two, bound: archive_timeout, without the time to archive"
        ),
        now=now,
        at_most=at_most,
        bound=bound,
        unbounded=unbounded,
        doubt=repository.doubt,
        broken=broken,
        remedy=remedy,
        inputs={**repository.inputs, **(inputs or {})},
    )


def unread(name: str, why: str) -> SurvivingCopy:
    """Return the copy that a repository may be, which could not be asked."""
    return SurvivingCopy(kind=Kind.WAL, name=name, method="could not be asked", doubt=f"it could not be asked: {why}")


def segments_in(names: Mapping[str, dt.datetime]) -> dict[str, dt.datetime]:
    """Return the whole segments among file names that may carry a checksum or a suffix of compression."""
    return {
        name[:24]: at
        for name, at in names.items()
        if is_segment(name[:24]) and not name[24:].startswith((".backup", ".partial", ".history"))
        and not name.endswith((".backup", ".partial"))
    }  # fmt: skip
