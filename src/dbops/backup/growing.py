"""A dump while it grows: how large it is, told to the progress, and whether it still grows at all.

What this does not do: know why a dump stands still; that takes a look at the server.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dbops.errors import DeadlineError

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.model import Progress

# A directory may hold thousands of files: it is looked at once in so many seconds, a single file at every tick.
_LOOK_AT_DIRECTORY = 1.0


def size_of(path: Path) -> int:
    """Return the bytes in a file, or in all files of a directory."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.iterdir())


class Growing:
    """Follows a dump from the beginning of a `with` block; `stall` is in seconds, None for ever."""

    def __init__(self, path: Path, progress: Progress | None, expected: int | None, stall: float | None) -> None:
        self._path = path
        self._progress = progress
        self._expected = expected
        self._stall = stall
        self._seen = 0
        self._grew = self._looked = time.monotonic()
        self._pause = _LOOK_AT_DIRECTORY if path.is_dir() else 0.0

    def __enter__(self) -> None:
        self._grew = self._looked = time.monotonic()
        if self._progress:
            self._progress.start("dump", self._expected, "bytes")

    def look(self) -> None:
        """Tell what has been written since the last look. Raises DeadlineError when that is nothing, for too long."""
        now = time.monotonic()
        if now - self._looked < self._pause:
            return
        self._looked = now
        size = size_of(self._path)
        if size != self._seen:
            self._grew = now
        elif self._stall is not None and now - self._grew > self._stall:
            raise DeadlineError(
                f"pg_dump has written nothing for {self._stall:g} s and has been ended",
                hint="see what it waits for: select * from pg_stat_activity where application_name = 'pg_dump'",
            )
        if self._progress:
            self._progress.advance(size - self._seen)
        self._seen = size

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.finish()
