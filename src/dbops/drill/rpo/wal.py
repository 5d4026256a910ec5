"""The WAL archive as a copy, in the figures of a drill that has read and recovered it.

Rules, in order:

1. `now` is from the last commit in the whole part of the archive to the server's clock, and 0 where no commit is
   missing there, whatever the age says: on an idle server nothing is lost. `now() - last_archived_time` is wrong both
   ways.
2. `worst` is the longest that a commit waited for its segment to reach the archive, since the base backup began; the
   time it reached it is the archive file's.
3. `bound` is `archive_timeout` and the time the archiver took for a segment. Without `archive_timeout` a commit on a
   quiet server waits until the segment is full, for ever.
4. Log alone restores nothing: without the mark of a base backup in the archive the copy is doubted.

What this does not do: read the archive (`dbops.drill.pitr`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.drill.rpo.copies import Kind, SurvivingCopy
from dbops.drill.rpo.matrix import ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbops.drill.pitr.archive import Listing
    from dbops.drill.pitr.holes import Commit
    from dbops.drill.pitr.wal import Segments

NAME = "WAL archive"
_NONE = dt.timedelta(0)
_UNBOUNDED = "archive_timeout is 0: on a quiet server a commit waits until its segment is full"
_SET_TIMEOUT = "set archive_timeout below the objective: alter system set archive_timeout = '1min'; then reload"
NO_BASE = (
    "no base backup but those of drills has left its mark in the archive (a .backup file), and log alone restores"
    " nothing; take one regularly: pg_basebackup, pgBackRest, Barman"
)


@dataclass(frozen=True, slots=True)
class Waits:
    """What the commits of the archived log tell: the last one, how many, and how long one waited at most."""

    last: dt.datetime | None
    commits: int
    longest: dt.timedelta | None


def waits(commits: Iterable[Commit], listing: Listing, segments: Segments) -> Waits:
    """Return what the commits tell; each waited until its segment was in the archive."""
    last: dt.datetime | None = None
    longest: dt.timedelta | None = None
    count, number = 0, -1
    for one in commits:
        count += 1
        last = one.at if last is None else max(last, one.at)
        holding = segments.before(one.end)
        if holding == number:
            continue  # the first commit of a segment waited longest
        number = holding
        entry = listing.entries.get(segments.name(number))
        if entry is not None:
            waited = dt.datetime.fromtimestamp(entry.modified_ns / 1e9, dt.UTC) - one.at
            longest = waited if longest is None else max(longest, waited)
    return Waits(last, count, longest)


@dataclass(frozen=True, slots=True)
class Archived:
    """What was measured: `now` is the server's clock when the archive was listed, `base_ended` the base backup's end.

    `lost` is how many transactions a recovery did not have, None where none came to its end. `took` is the time to
    archive one segment. `broken` says why nothing behind a point can be had. `base_backups` and `unarchived` (segments)
    are counted; None is not told.
    """

    waits: Waits
    now: dt.datetime
    lost: int | None
    base_ended: dt.datetime
    archive_timeout: dt.timedelta
    took: dt.timedelta | None
    broken: str | None
    base_backups: int
    unarchived: int | None


def of_archive(one: Archived) -> SurvivingCopy:
    """Return the archive as a copy."""
    last = one.waits.last or one.base_ended
    exposure = _NONE if one.lost == 0 else max(one.now - last, _NONE)
    bounded = one.archive_timeout > _NONE
    return SurvivingCopy(
        kind=Kind.WAL,
        name=NAME,
        method=(
            "recovered by this drill; now: from the last archived commit to the server's clock, worst: the longest wait"
            " of a commit for its segment by the archive's file times, bound: archive_timeout and the time to archive"
        ),
        now=exposure,
        worst=max(exposure, one.waits.longest or _NONE),
        bound=one.archive_timeout + (one.took or _NONE) if bounded else None,
        unbounded=None if bounded else _UNBOUNDED,
        doubt=None if one.base_backups else NO_BASE,
        broken=one.broken,
        remedy="" if bounded else _SET_TIMEOUT,
        inputs={
            "archive_timeout_ms": ms(one.archive_timeout),
            "time_to_archive_ms": None if one.took is None else ms(one.took),
            "commits_archived": one.waits.commits,
            "last_archived_commit": None if one.waits.last is None else one.waits.last.isoformat(),
            "measured_at": one.now.isoformat(),
            "transactions_lost": one.lost,
            "base_backups": one.base_backups,
            "finished_not_archived": one.unarchived,
        },
    )
