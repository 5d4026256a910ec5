"""A megabyte kept back for the day the disk is full: the run that filled it can still be put on record.

Given up before a report is written that would not fit, never after a write has failed: what failed is not tried again.
Taken back at the start of a later run, once there is room. Best effort: without it a full disk ends with exit code 5.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from dbops.errors import EvidenceNotKeptError
from dbops.files import write_new

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 1 << 20
# A file system below this much room is left alone: a reserve must not be what fills it.
_ROOM = 8 * SIZE
# Directory blocks, the line of the log, the new checkpoint beside the old one.
_MARGIN = 64 << 10


def take(directory: Path) -> None:
    """Make sure the evidence directory has its reserve, if there is room; the caller holds the lock of the log."""
    path = directory / "reserve"
    with contextlib.suppress(OSError, EvidenceNotKeptError):
        if not path.exists() and _free(directory) > _ROOM:
            # Random bytes: a file system that compresses would keep nothing back for zeros.
            write_new(path, secrets.token_bytes(SIZE))


def give_up_if_needed(directory: Path, size: int) -> None:
    """Delete the reserve when `size` more bytes would not fit without it."""
    with contextlib.suppress(OSError):
        if _free(directory) < size + _MARGIN:
            (directory / "reserve").unlink(missing_ok=True)


def _free(directory: Path) -> int:
    status = os.statvfs(directory)
    blocks = status.f_bfree if os.geteuid() == 0 else status.f_bavail
    return blocks * status.f_frsize
