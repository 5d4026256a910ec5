"""An archive read back in full while it is still written: when the dump ends, almost all of it has been decoded.

The server and pg_dump seldom keep two cores busy, and decoding takes a tenth of the time of encoding. Rules, in order:

1. pg_restore reads a pipe; what has arrived in the file is passed on in the order of the file, and hashed.
2. pg_dump ends by writing its table of contents once more, over the first one, now with the place of the rows of every
   table. So the end is looked at again: the table of contents is read from the file, but for the places it is by
   SHA-256 what it was, at every place that it names the block of that table begins, and whatever lies behind it is by
   SHA-256 what has gone through the pipe.
3. A file that has changed since it was decoded, or denies rows that it has, is damaged. A second read would not tell:
   a table of contents has no checksum, and neither have rows under most codecs.
4. What else cannot be proven like this, whatever the reason, is no failure yet. It is read from the finished file
   instead (`reading.py`), and that decides.

What this does not do: follow a dump in directory format, whose files grow side by side.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from dbops.backup.background import Background, Ending
from dbops.backup.toc import read_places
from dbops.connection.process import ending
from dbops.errors import DbopsError, UnavailableError
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from io import BufferedReader, FileIO
    from pathlib import Path

    from dbops.backup.archive import Archiver
    from dbops.backup.source import TableFacts
    from dbops.backup.toc import Places
    from dbops.connection.process import Completed
    from dbops.evidence.run import StepRecorder

_CHUNK = 1 << 20
# How often the file is looked at for more, in seconds.
_LOOK_AGAIN = 0.1
# The rows of a table begin with the first of these, large objects with the second.
_BEGINNINGS = (b"\1", b"\3")
# Reading the table of contents twice takes dbops longer than decoding takes pg_restore where tables are many and small.
_FEW_TABLES = 1000
_PAGES_PER_TABLE = 16


@dataclass(frozen=True, slots=True)
class _Passed:
    """What has gone through the pipe: SHA-256 of the table of contents but for the places, and of all behind it.

    `heard`: the program that reads has taken all of it.
    """

    contents: str
    rest: str
    heard: bool = field(default=True, compare=False)


def worth_following(tables: Sequence[TableFacts]) -> bool:
    """Tell whether reading the archive as it grows is quicker than reading it afterwards."""
    return len(tables) <= _FEW_TABLES or sum(one.pages for one in tables) >= _PAGES_PER_TABLE * len(tables)


class Following:
    """A `with` block in which an archive is written and, beside that, read."""

    def __init__(
        self, archiver: Archiver, archive: Path, timed: Callable[[], AbstractContextManager[StepRecorder]]
    ) -> None:
        self._archiver = archiver
        self._archive = archive
        self._timed = timed
        self._finished = threading.Event()
        self._ending = Ending("the dump was not made")
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        reading, writing = os.pipe()
        # The descriptors belong to the threads, which close them, so that either hears of the end of the other.
        self._decoding = Background(lambda: self._decode(reading), cancel=self._give_up)
        self._passing = Background(lambda: self._pass_on(writing), cancel=self._give_up)
        for one in (self._decoding, self._passing):
            self._stack.enter_context(one)
        return self

    def __exit__(self, *error: object) -> None:
        self._finished.set()
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def _give_up(self) -> None:
        self._ending.ask()
        self._finished.set()

    def finished(self) -> None:
        """Tell that the archive has been written to its end."""
        self._finished.set()

    def proof(self) -> Completed | str:
        """Return how the program ended that has decoded all of the finished archive, or why that is not certain.

        Raises UnavailableError when the archive is no longer what was decoded.
        """
        try:
            completed = self._decoding.result()
            if completed.exit_code != 0:
                return f"pg_restore {ending(completed.exit_code)} while the archive grew"
            passed = self._passing.result()
            with self._archive.open("rb") as file:
                places = read_places(file)
                kept = _Passed(places.settled, _digest_behind(file, places))
                lost = _not_named(file, places)
        except (DbopsError, OSError) as error:
            return str(error)
        if wrong := _what_is_wrong(passed, kept, places.denied):
            raise UnavailableError(
                f"the dump has changed since it was written: {wrong}",
                hint="look for what else writes there, and check the disk before trusting anything on it",
            )
        return lost or (completed if passed.heard else "pg_restore ended before it had read all of it")

    def _decode(self, reading: int) -> Completed:
        with open(reading, "rb"), self._timed() as step:
            completed = self._archiver.read_arriving(reading, on_tick=self._ending.look)
            step.exit_code = completed.exit_code
            return completed

    def _pass_on(self, writing: int) -> _Passed:
        with open(writing, "wb", buffering=0) as pipe, self._archive.open("rb") as file:
            arriving = _Arriving(file, self._finished)
            places = read_places(arriving)
            file.seek(0)
            for piece in arriving.pieces(places.end):
                _write(pipe, piece)
            digest, heard = hashlib.sha256(), True
            for piece in arriving.pieces():
                self._ending.look()
                heard = _write(pipe, piece) and heard
                digest.update(piece)
            return _Passed(places.settled, digest.hexdigest(), heard=heard)


class _Arriving:
    """A file that grows until `finished` is set: what is not there yet is waited for."""

    def __init__(self, file: BufferedReader, finished: threading.Event) -> None:
        self._file = file
        self._finished = finished

    def read(self, number: int) -> bytes:
        """Return so many bytes, or all that are left."""
        return b"".join(self.pieces(number))

    def pieces(self, number: int | None = None) -> Iterator[bytes]:
        """Yield what comes, up to `number` bytes in all."""
        left = number
        while left is None or left > 0:
            over = self._finished.is_set()  # asked before the read: what is written in between is seen by the next one
            piece = self._file.read(_CHUNK if left is None else min(left, _CHUNK))
            if piece:
                left = None if left is None else left - len(piece)
                yield piece
            elif over:
                return
            else:
                self._finished.wait(_LOOK_AGAIN)


def _write(pipe: FileIO, piece: bytes) -> bool:
    """Write all of it, as long as somebody reads; return whether that was to the end."""
    rest = memoryview(piece)
    with contextlib.suppress(BrokenPipeError):
        while rest:
            rest = rest[pipe.write(rest) :]
    return not rest


def _what_is_wrong(passed: _Passed, kept: _Passed, denied: int) -> str | None:
    """Return why the file is not what pg_dump wrote; None where nothing shows it."""
    if kept.contents != passed.contents:
        return "its table of contents is not what was decoded"
    if kept.rest != passed.rest:
        return "its rows are not what was decoded"
    # It may have changed before the first look as well, where it is small.
    return f"{counted(denied, 'entry has', 'entries have')} rows that it does not lead to" if denied else None


def _digest_behind(file: BufferedReader, places: Places) -> str:
    """Return SHA-256 of all that lies behind the table of contents."""
    file.seek(places.end)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _not_named(file: BufferedReader, places: Places) -> str | None:
    """Return which rows the finished table of contents does not lead to, None where it leads to all."""
    for dump_id, place in places.rows.items():
        if place is None or not _begins(file, place, dump_id, places.integer_bytes):
            return f"the table of contents does not name the place of entry {dump_id}"
    return None


def _begins(file: BufferedReader, place: int, dump_id: int, integer_bytes: int) -> bool:
    """Tell whether the block of that entry begins at `place`: its kind, a sign, the id."""
    if place >= os.fstat(file.fileno()).st_size:
        return False
    file.seek(place)
    head = file.read(2 + integer_bytes)
    return head[:1] in _BEGINNINGS and head[1:2] == b"\0" and int.from_bytes(head[2:], "little") == dump_id
