"""Remembers which throw-away directories are in use, so that the next run can reap what `kill -9` left behind.

One entry per directory, a small file that its owner keeps locked as long as it lives. The kernel drops the lock with
the process, however that ends; so an entry that can be locked belongs to nobody any more. Rules, in order:

1. Entries live in a directory that is ours and 0700; anything else there is a trap, and is not read.
2. Only what an entry names, is still ours, and carries our name is removed; only processes that work in it are ended.
3. The entry goes last, so that an interrupted sweep is taken up by the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets as random_tokens
import shutil
import signal
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from dbops.errors import UnavailableError

PREFIX = "dbops-"
# An immediate shutdown takes at most this long: PostgreSQL itself kills what ignores it after 5 seconds.
_SHUTDOWN_SECONDS = 8.0
# Names of the processes that a scratch server consists of.
_OURS = frozenset({"postgres", "initdb"})


@dataclass(frozen=True, slots=True)
class Lease:
    """A registered directory; the lock on `entry` is held through `descriptor` until `release`."""

    directory: Path
    entry: Path
    descriptor: int

    def release(self) -> None:
        """Remove the entry; the directory is the owner's affair."""
        self.entry.unlink(missing_ok=True)
        os.close(self.descriptor)


def registry_directory() -> Path:
    """Return the directory of the entries, created 0700. Raises UnavailableError when someone else made it."""
    # /tmp, not TMPDIR: a run with another TMPDIR must find it again.
    path = Path("/tmp", f"dbops-registry-{os.geteuid()}")  # noqa: S108  (owner and mode are checked below)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise UnavailableError(
            f"{path} is not a private directory of this user", hint="someone else made it; remove it and try again"
        )
    return path


def register(directory: Path) -> Lease:
    """Enter a directory; the entry stays locked while this process lives."""
    while True:
        entry = registry_directory() / f"{random_tokens.token_hex(8)}.lease"
        descriptor = os.open(entry, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        # A sweep may have caught the file between open and lock; then it removes it, and another is made.
        if _lock(descriptor) and entry.exists():
            os.write(descriptor, os.fsencode(directory))
            return Lease(directory, entry, descriptor)
        os.close(descriptor)


def sweep() -> list[Path]:
    """End the servers and remove the directories of runs that were killed; return the directories removed."""
    return [directory for entry in sorted(registry_directory().glob("*.lease")) if (directory := _reap(entry))]


def _reap(entry: Path) -> Path | None:
    """Return the directory that an entry without an owner named, once it is gone."""
    try:
        descriptor = os.open(entry, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not _lock(descriptor):
            return None
        directory = Path(os.fsdecode(os.read(descriptor, 4096)))
        removed = _is_ours(directory)
        if removed:
            end_processes_in(directory)
            shutil.rmtree(directory, ignore_errors=True)
        entry.unlink(missing_ok=True)
        return directory if removed else None
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_ours(directory: Path) -> bool:
    try:
        status = directory.lstat()
    except OSError:
        return False
    return directory.name.startswith(PREFIX) and stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def end_processes_in(directory: Path) -> None:
    """End every PostgreSQL process that works in `directory`: immediate shutdown, in the end SIGKILL."""
    _signal_until_gone(directory, signal.SIGQUIT, _SHUTDOWN_SECONDS)
    _signal_until_gone(directory, signal.SIGKILL, 1.0)


def _signal_until_gone(directory: Path, number: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (pids := processes_in(directory)) and time.monotonic() < end:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        time.sleep(0.05)


def processes_in(directory: Path) -> list[int]:
    """Return the PostgreSQL processes whose working directory is `directory` or below it (Linux; elsewhere none).

    A server and its backends work in their data directory. The name is asked for as well: somebody's shell that
    happens to stand there is none of our business.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "comm").read_text().strip() in _OURS and (entry / "cwd").readlink().is_relative_to(directory):
                found.append(int(entry.name))
    return found
