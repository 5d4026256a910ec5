"""A file brought to disk while it grows, so that little is left to wait for at its end.

A dump that is synced only when it is whole lets the disk idle while it is made and everybody wait afterwards. A sync
that fails fails the backup: the kernel may have dropped what it could not write, and would not say so again. What this
does not do: replace the sync at the end (`storage`), without which nothing is published.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from dbops.backup.background import Background
from dbops.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Between two syncs, in seconds.
_PAUSE = 1.0

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


@contextlib.contextmanager
def brought_to_disk(path: Path) -> Iterator[Callable[[], None]]:
    """Sync `path` again and again for as long as the block takes; call what is yielded to hear of a failure."""
    ended = threading.Event()

    def work() -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                while not ended.wait(_PAUSE):
                    _sync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as cause:
            raise UnavailableError(f"cannot bring {path} to disk: {cause.strerror}") from cause

    with Background(work, cancel=ended.set) as syncing:
        try:
            yield syncing.check
        finally:
            ended.set()
        syncing.result()
