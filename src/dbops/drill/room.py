"""Whether the machine a drill runs on has room for the copy: asked before anything is restored, and while it is.

A disk that fills up says nothing about the backup, and takes down whatever else lives on it. What this does not do:
know how large a database gets; the caller says what it needs.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from dbops.connection.places import base_directory
from dbops.connection.run_as import unprivileged
from dbops.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MIB = 1 << 20
# An empty server with its write-ahead log, and something to breathe.
_OVERHEAD = 256 * _MIB
# Less than this is left while a copy is loaded: it is ended, before the machine's other tenants run out.
_FLOOR = 48 * _MIB


def require_room(copy_bytes: int) -> None:
    """Refuse to begin where a copy of that size does not fit. Raises UnavailableError with how much is missing."""
    place = base_directory(unprivileged(), None)
    needed, free = copy_bytes + _OVERHEAD, _free(place)
    if free < needed:
        raise UnavailableError(
            f"{place} has {free // _MIB} MiB free, and the copy needs about {-(-needed // _MIB)} MiB",
            hint=f"free {-((free - needed) // _MIB)} MiB there, or name a larger place with TMPDIR",
        )


def guarding(place: Path) -> Callable[[], None]:
    """Return what to call again and again while the file system of `place` is filled; it raises UnavailableError."""

    def look() -> None:
        free = _free(place)
        if free < _FLOOR:
            raise no_room(place, free)

    return look


def no_room(place: Path, free: int | None = None) -> UnavailableError:
    """Return the error for a disk that filled up under a copy."""
    left = _free(place) if free is None else free
    return UnavailableError(
        f"the disk below {place} filled up while the copy was loaded: {left // _MIB} MiB were left",
        hint="free some space there, or name a larger place with TMPDIR; this says nothing about the backup",
    )


def _free(place: Path) -> int:
    return shutil.disk_usage(place).free
