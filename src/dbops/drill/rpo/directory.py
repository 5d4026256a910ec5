"""A plain directory of archived WAL as a copy, by its listing: what is to be had without a drill of it.

It begins with the newest base backup that has left its mark (a `.backup` file), those of drills aside. The time a
segment came is its file's, so a program that keeps the times of its sources makes it look earlier. What this does not
do: read a segment, or recover (`dbops.drill.pitr`); a hole inside a segment is found there alone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING

from dbops.drill.pitr.archive import Listing, list_archive
from dbops.drill.pitr.wal import is_segment
from dbops.drill.rpo.repository import Position, Repository, of_repository, unread
from dbops.drill.rpo.wal import NAME, NO_BASE
from dbops.errors import DbopsError

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.drill.rpo.copies import SurvivingCopy

# What a drill labels its own base backups with, which are thrown away.
DRILL_LABEL = "dbops drill"


def of_directory(directory: Path, position: Position, waiting: int | None) -> SurvivingCopy:
    """Return the archive as a copy; `waiting` finished segments are not archived yet, None is not told."""
    try:
        listing = list_archive(directory)
    except DbopsError as error:
        return unread(NAME, error.message)
    marks = base_backups(listing)
    if not marks:
        return unread(NAME, NO_BASE)
    segments = position.segments
    stored = {
        name: dt.datetime.fromtimestamp(one.modified_ns / 1e9, dt.UTC)
        for name, one in listing.entries.items()
        if is_segment(name) and one.bytes == segments.size
    }
    inputs = {"base_backups": len(marks), "finished_not_archived": waiting}
    return of_repository(Repository(NAME, max(marks)[:24], stored, inputs=inputs), position)


def base_backups(listing: Listing) -> list[str]:
    """Return the marks that base backups, those of drills aside, have left in an archive."""
    found = []
    for name in listing.entries:
        if name.endswith(".backup") and is_segment(name[:24]):
            with contextlib.suppress(OSError):
                text = (listing.directory / name).read_text(encoding="utf-8", errors="replace")
                if not any(line.startswith(f"LABEL: {DRILL_LABEL}") for line in text.splitlines()):
                    found.append(name)
    return found
