"""Names and places in the write-ahead log: segments, positions, and what the first bytes of a segment say of it.

A position (LSN) is a number here and text only at the edges. The size of a segment is the cluster's own, never assumed.
Nothing here opens a file.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

# A segment's file; what has a suffix (.partial, .history, .backup, .gz) is something else.
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history")
_LSN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})")
_LOG = 1 << 32
# XLogLongPageHeaderData: magic, flags, timeline, page address, rest of a record, 4 of padding, system identifier,
# segment size, block size. The same since PostgreSQL 9.3, in the byte order of the machine that wrote it.
_LONG_HEADER = struct.Struct("=HHIQI4xQII")
_LONG_HEADER_FLAG = 0x0002
HEADER_BYTES = _LONG_HEADER.size


def parse_lsn(text: str) -> int:
    """Return a position from "16/B374D848". Raises ValueError."""
    found = _LSN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a position in the log: {text!r}")
    return int(found[1], 16) * _LOG + int(found[2], 16)


def format_lsn(lsn: int) -> str:
    """Return "16/B374D848"."""
    return f"{lsn // _LOG:X}/{lsn % _LOG:X}"


def is_segment(name: str) -> bool:
    """Tell whether a file's name is that of a whole segment."""
    return _SEGMENT.fullmatch(name) is not None


def timeline_of_history(name: str) -> int | None:
    """Return which timeline a `.history` file begins, None for any other file."""
    found = _HISTORY.fullmatch(name)
    return int(found[1], 16) if found else None


def timeline_of(segment: str) -> int:
    """Return the timeline in a segment's name."""
    return int(segment[:8], 16)


@dataclass(frozen=True, slots=True)
class Segments:
    """The arithmetic of one cluster's segments on one timeline; `size` in bytes."""

    timeline: int
    size: int

    def name(self, number: int) -> str:
        """Return the file name of the segment with this number."""
        per_log = _LOG // self.size
        return f"{self.timeline:08X}{number // per_log:08X}{number % per_log:08X}"

    def number(self, name: str) -> int:
        """Return the number of a segment by its file name, whatever its timeline."""
        return int(name[8:16], 16) * (_LOG // self.size) + int(name[16:24], 16)

    def holding(self, lsn: int) -> int:
        """Return the number of the segment that holds the byte at `lsn`."""
        return lsn // self.size

    def before(self, lsn: int) -> int:
        """Return the number of the segment that holds the last byte before `lsn`: needed to read up to it."""
        return (lsn - 1) // self.size

    def start(self, number: int) -> int:
        """Return the position at which a segment begins."""
        return number * self.size

    def mine(self, name: str) -> bool:
        """Tell whether a file is a segment of this timeline."""
        return is_segment(name) and timeline_of(name) == self.timeline


@dataclass(frozen=True, slots=True)
class Header:
    """What the first page of a segment says about itself."""

    timeline: int
    address: int
    system_identifier: int
    size: int


def read_header(data: bytes) -> Header | None:
    """Return what the first bytes of a segment say, None where they are no header of a segment."""
    if len(data) < HEADER_BYTES:
        return None
    magic, flags, timeline, address, _, system_identifier, size, _ = _LONG_HEADER.unpack_from(data)
    if not magic or not flags & _LONG_HEADER_FLAG:
        return None
    return Header(timeline, address, system_identifier, size)
