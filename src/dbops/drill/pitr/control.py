"""Holes made on purpose, in copies of the frozen archive: each must be found, or the search for holes proves nothing.

The segment with the newest record is removed, cut in half, and that record overwritten with zeros. The frozen files may
be links into the archive itself, so a damaged one is always a new file. What this does not do: judge.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from dbops.drill.pitr.archive import Entry, Listing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.drill.pitr.holes import Log
    from dbops.drill.pitr.place import Place

# The header of a record; one of zeros is none.
_RECORD_HEADER = 24


def holes_missed(log: Log, newest: int, where: Place) -> tuple[list[str], int]:
    """Return which holes were not found, and how many were made; `newest` is where the newest record begins."""
    segments = log.segments
    number = segments.holding(newest)
    tip, name, offset = segments.start(number + 1), segments.name(number), newest - segments.start(number)
    whole = (log.frozen.directory / name).read_bytes()
    # One more segment before it is enough to begin reading from.
    near = replace(log, start=max(log.start, segments.start(max(number - 1, 0))))
    damages: dict[str, Callable[[Path], None]] = {
        "removed": lambda path: path.unlink(),
        "cut short": lambda path: _replace(path, whole[: len(whole) // 2]),
        "zeros": lambda path: _replace(path, whole[:offset] + bytes(_RECORD_HEADER) + whole[offset + _RECORD_HEADER :]),
    }
    missed = []
    for words, damage in damages.items():
        copy = _linked(near, number, where.frozen(f"control-{words.replace(' ', '-')}"))
        damage(copy / name)
        listing = _listed(copy, log.frozen)
        if replace(near, listing=listing, frozen=listing).find_hole(tip) is None:
            missed.append(words)
    return missed, len(damages)


def _linked(log: Log, last: int, copy: Path) -> Path:
    for name in map(log.segments.name, range(log.first, last + 1)):
        os.link(log.frozen.directory / name, copy / name)
    return copy


def _replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def _listed(directory: Path, frozen: Listing) -> Listing:
    there = {path.name: path.stat().st_size for path in directory.iterdir()}
    return Listing(
        directory,
        {
            name: Entry(name, there[name], one.modified_ns, one.inode)
            for name, one in frozen.entries.items()
            if name in there
        },
    )
