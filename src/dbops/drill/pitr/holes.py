"""Whether the archived log is whole, from the cheapest question to the dearest; the first that says no ends it.

1. Names: every segment from the beginning of the base backup to the one that must be there, without a gap.
2. Sizes: each as large as the cluster's segments are.
3. Readable, and what it says it is: the segment's own first page names its cluster, its place and its size. A segment
   of zeros, of another cluster, or an earlier one under this name ends here.
4. Contents: pg_waldump reads every record, checksums included. Only now, since for a missing segment it waits 5 s.

A recovery to the newest position is the fifth question (`recovery.py`). A recovery to "latest" is none: over a hole it
promotes and says nothing.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.connection.process import last_lines, run
from dbops.drill.pitr.wal import HEADER_BYTES, Segments, format_lsn, parse_lsn, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.connection.binaries import Binaries
    from dbops.connection.deadline import Deadline
    from dbops.drill.pitr.archive import Listing

_COMMIT = re.compile(
    r"len \(rec/tot\):\s*\d+/\s*(?P<bytes>\d+),.* lsn: (?P<lsn>[0-9A-F/]+),"
    r".* desc: COMMIT(?:_PREPARED \d+:)? (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC"
)
_LONGEST_LINES = 1 << 20
_RECORD = re.compile(r" lsn: ([0-9A-F]+/[0-9A-F]+), prev ")


@dataclass(frozen=True, slots=True)
class Hole:
    """The first place where the log is not whole: which question found it, in which segment, and what is wrong."""

    question: str
    segment: str
    detail: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit in the log: where its record ends, and the server's clock."""

    end: int
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Log:
    """The archived log of one cluster from `start` on: `listing` is the archive, `frozen` what is recovered from."""

    listing: Listing
    frozen: Listing
    segments: Segments
    start: int
    system_identifier: int
    reader: Reader

    @property
    def first(self) -> int:
        """The number of the first segment needed."""
        return self.segments.holding(self.start)

    def find_hole(self, tip: int) -> Hole | None:
        """Return the first hole before the position `tip`, None where every question is answered well."""
        numbers = range(self.first, self.segments.before(tip) + 1)
        for question in (self._names, self._sizes, self._headers):
            hole = next(question(numbers), None)
            if hole:
                return hole
        return self.reader.check(self.frozen.directory, self.segments, self.start, tip)

    def _names(self, numbers: range) -> Iterator[Hole]:
        for number in numbers:
            name = self.segments.name(number)
            if name not in self.listing.entries:
                later = any(self.segments.name(one) in self.listing.entries for one in range(number + 1, numbers.stop))
                yield Hole("names", name, "is not in the archive" + (", later ones are" if later else ""))

    def _sizes(self, numbers: range) -> Iterator[Hole]:
        for name in map(self.segments.name, numbers):
            found = self.listing.entries[name].bytes
            if found != self.segments.size:
                yield Hole("sizes", name, f"has {found} bytes, a segment here has {self.segments.size}")

    def _headers(self, numbers: range) -> Iterator[Hole]:
        for number in numbers:
            name = self.segments.name(number)
            if name not in self.frozen.entries:
                yield Hole("readable", name, "cannot be read by the user of this drill")
            elif wrong := self._wrong(number, self.frozen.directory / name):
                yield Hole("readable", name, wrong)

    def _wrong(self, number: int, path: Path) -> str | None:
        try:
            with path.open("rb") as file:
                header = read_header(file.read(HEADER_BYTES))
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        if header is None:
            return "does not begin like a segment of the log"
        if header.system_identifier != self.system_identifier:
            return f"is of another cluster, {header.system_identifier}"
        if header.address != self.segments.start(number):
            return f"holds the log from {format_lsn(header.address)} on: another segment under this name"
        if header.size != self.segments.size:
            return f"says that segments have {header.size} bytes"
        return None


def _tail(path: Path) -> str:
    """Return the end of a file: a commit that drops many tables is a long line."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_LINES))
        return file.read().decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the log with pg_waldump; `output` is where it writes, `deadline` bounds all of it."""

    tools: Binaries
    output: Path
    deadline: Deadline

    def check(self, directory: Path, segments: Segments, start: int, end: int) -> Hole | None:
        """Return where the log cannot be read on its way from `start` to `end`."""
        exit_code = self._waldump("check", directory, segments, start, end, "--quiet")
        if exit_code == 0:
            return None
        said = last_lines(self.output / "pg_waldump-check.err", 1)
        at = re.search(r"[0-9A-F]+/[0-9A-F]+", said)
        number = segments.holding(parse_lsn(at[0])) if at else segments.holding(start)
        return Hole("contents", segments.name(number), said.removeprefix("pg_waldump: error: ") or "cannot be read")

    def commits(self, directory: Path, segments: Segments, start: int, end: int) -> Iterator[Commit]:
        """Yield every commit of the log between two positions that are known to be readable, in its order."""
        self._waldump("commits", directory, segments, start, end, "--rmgr=Transaction")
        with (self.output / "pg_waldump-commits.out").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if found := _COMMIT.search(line):
                    at = dt.datetime.fromisoformat(found["at"]).replace(tzinfo=dt.UTC)
                    yield Commit(parse_lsn(found["lsn"]) + int(found["bytes"]), at)

    def last_record(self, directory: Path, segments: Segments, start: int, end: int) -> int | None:
        """Return where the last record between two positions begins; from its last segments, for there it is."""
        for number in range(segments.before(end), segments.holding(start) - 1, -1):
            begin = max(start, segments.start(number))
            self._waldump("last", directory, segments, begin, end)
            found = _RECORD.findall(_tail(self.output / "pg_waldump-last.out"))
            if found:
                return parse_lsn(found[-1])
        return None

    def _waldump(self, name: str, directory: Path, segments: Segments, start: int, end: int, *options: str) -> int:
        completed = run(
            self.tools.program("pg_waldump"),
            [
                *options, f"--path={directory}", f"--timeline={segments.timeline}",
                f"--start={format_lsn(start)}", f"--end={format_lsn(end)}",
            ],
            output=self.output / f"pg_waldump-{name}",
            deadline=self.deadline.left(),
        )  # fmt: skip
        return completed.exit_code
