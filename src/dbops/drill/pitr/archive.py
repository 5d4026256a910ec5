"""A directory of archived WAL: what is in it, a frozen part of it, and whether it is still what it was.

Rules, in order:

1. The directory is listed and read, never written to; what a drill recovers from is frozen beside it first.
2. Frozen by hard links where the server's user can read them, else by copies: owner and mode of a linked file are the
   archive's own, and are left alone.
3. Unchanged means that every file that was there has the size, time and inode it had; that the archiver adds segments
   meanwhile is what it is for.

What this does not do: judge the segments (`holes.py`), or know compressed archives: only whole segments count.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.drill.pitr.wal import Segments, is_segment, timeline_of_history
from dbops.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dbops.connection.run_as import RunAs

_PACKED = re.compile(r"[0-9A-F]{24}(?:-[0-9a-f]{40})?\.(?:gz|zst|lz4|bz2|xz)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive; times in nanoseconds since the epoch."""

    name: str
    bytes: int
    modified_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The archive at one moment, by file name; `device` is the file system it is on, where that is known."""

    directory: Path
    entries: Mapping[str, Entry]
    device: int | None = None

    def whole(self, segments: Segments, number: int) -> bool:
        """Tell whether a segment is there with the size it must have."""
        entry = self.entries.get(segments.name(number))
        return entry is not None and entry.bytes == segments.size

    def last_whole(self, segments: Segments, first: int) -> int:
        """Return the number of the last segment that `first` leads to without a gap; `first - 1` if none is there."""
        number = first
        while self.whole(segments, number):
            number += 1
        return number - 1

    def highest(self, segments: Segments) -> int | None:
        """Return the number of the highest segment of this timeline, None without any."""
        return max((segments.number(name) for name in self.entries if segments.mine(name)), default=None)

    def later_timelines(self, timeline: int) -> list[str]:
        """Return the files that say that a later timeline exists: somebody was promoted and archived here."""
        found = []
        for name in sorted(self.entries):
            begun = timeline_of_history(name)
            if (begun or 0) > timeline or (is_segment(name) and int(name[:8], 16) > timeline):
                found.append(name)
        return found


def list_archive(directory: Path) -> Listing:
    """Return what is in the archive. Raises UnavailableError where that cannot be told."""
    try:
        with os.scandir(directory) as found:
            entries = [_entry(one.name, one.stat(follow_symlinks=True)) for one in found if one.is_file()]
        device = directory.stat().st_dev
    except OSError as error:
        raise UnavailableError(
            f"the WAL archive {directory} cannot be listed: {error.strerror}",
            hint="name the directory that archive_command writes to, as this machine sees it, with --wal-archive DIR,"
            " and run dbops as a user who may list and read it",
        ) from error
    listing = Listing(directory, {one.name: one for one in entries}, device)
    if any(_PACKED.fullmatch(name) for name in listing.entries) and not any(map(is_segment, listing.entries)):
        raise UnavailableError(
            f"the WAL archive {directory} holds compressed segments only, which this drill does not read",
            hint="for a pgBackRest repository name its configuration and stanza in [drill] pgbackrest",
        )
    return listing


def _entry(name: str, status: os.stat_result) -> Entry:
    return Entry(name, status.st_size, status.st_mtime_ns, status.st_ino)


def freeze(listing: Listing, names: Iterable[str], frozen: Path, user: RunAs | None) -> Listing:
    """Put these files of the archive into the directory `frozen`, where `user` can read them; return what is there.

    A file that went away meanwhile, or that this process may not read, is left out: the ladder will miss it.
    """
    kept = []
    for name in names:
        source, copy = listing.directory / name, frozen / name
        try:
            if not _link(source, copy, user):
                shutil.copyfile(source, copy)
                copy.chmod(0o400)
                if user:
                    os.chown(copy, user.uid, user.gid)
        except OSError:
            copy.unlink(missing_ok=True)
            continue
        kept.append(listing.entries[name])
    return Listing(frozen, {one.name: one for one in kept})


def _link(source: Path, copy: Path, user: RunAs | None) -> bool:
    """Link a file where that is possible and of use to the server's user; tell whether it was."""
    if user and not _readable(source, user):
        return False
    try:
        os.link(source.resolve(), copy)
    except OSError:
        return False
    return os.access(copy, os.R_OK)


def _readable(path: Path, user: RunAs) -> bool:
    status = path.stat()
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IRUSR)
    return bool(status.st_mode & (stat.S_IRGRP if status.st_gid == user.gid else stat.S_IROTH))


def changed(before: Listing, after: Listing, segments: Segments, first: int) -> list[str]:
    """Return what happened to the archive that no archiver does: sentences, in order of names.

    Segments older than number `first` may be removed by whoever keeps house, and one that was not whole yet may grow.
    """
    kept = segments.name(first)
    found = []
    for name, entry in sorted(before.entries.items()):
        now = after.entries.get(name)
        of_log = is_segment(name) or timeline_of_history(name) is not None
        if now is None and of_log and name >= kept:
            found.append(f"{name} has gone")
        elif now not in {None, entry} and of_log and not (is_segment(name) and entry.bytes < segments.size):
            found.append(f"{name} is not the file it was")
    new = sorted(after.entries.keys() - before.entries.keys())
    strange = (one for one in new if timeline_of_history(one) or (is_segment(one) and not segments.mine(one)))
    return [*found, *(f"{one} has appeared, of another timeline" for one in strange)]
