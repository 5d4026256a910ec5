"""Remembers which throw-away directories are in use, so that the next run can reap what `kill -9` left behind.

One entry per server, a small file that its owner keeps locked as long as it lives. The kernel drops the lock with the
process, however that ends; so an entry that can be locked belongs to nobody any more. Rules, in order:

1. Entries live in a directory that is ours and 0700; one that somebody else made is a trap, and is not read.
2. Only what an entry names, is still ours, and carries our name is removed; only PostgreSQL working in it is ended.
3. The entry goes last, so that an interrupted sweep is taken up by the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets as random_tokens
import shutil
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbops.connection.places import temporary_directory
from dbops.connection.process import ask
from dbops.errors import DbopsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "dbops-"
_NAME = re.compile(rf"{PREFIX}[0-9a-f]{{8}}")
# An immediate shutdown takes at most this long: PostgreSQL itself kills what ignores it after 5 seconds.
_SHUTDOWN_SECONDS = 8.0
# As often a place is looked at before it counts as unusable.
_LOOKS = 20
# Names of the processes that a scratch server consists of.
_OURS = frozenset({"postgres", "initdb"})
_PROC = Path("/proc")
# Files of so many bytes are removed by so many threads.
_LARGE = 8 << 20
_REMOVERS = 4


@dataclass(frozen=True, slots=True)
class Lease:
    """A new private directory, and its entry, locked through `descriptor` until `end`."""

    directory: Path
    entry: Path
    descriptor: int

    def end(self) -> None:
        """Remove the directory and the entry; what cannot be removed stays registered for the next sweep."""
        _remove_tree(self.directory)
        if not self.directory.exists():
            _remove_entry(self.entry)
        os.close(self.descriptor)


def lease(parent: Path) -> Lease:
    """Create a directory 0700 in `parent`, registered before it exists: there is no moment to be killed unnoticed."""
    directory = parent / f"{PREFIX}{random_tokens.token_hex(4)}"
    entry, descriptor = _new_entry(os.fsencode(directory))
    try:
        directory.mkdir(mode=0o700)
    except OSError as error:
        _remove_entry(entry)
        os.close(descriptor)
        raise UnavailableError(
            f"no directory for a scratch server can be made in {parent}: {error.strerror}",
            hint="name a writable one with TMPDIR",
        ) from error
    return Lease(directory, entry, descriptor)


def sweep() -> list[Path]:
    """End the servers and remove the directories of runs that were killed; return the directories removed."""
    entries = [entry for place in _usable_places() for entry in sorted(place.glob("*.lease"))]
    return [directory for entry in entries if (directory := _reap(entry))]


@dataclass(frozen=True, slots=True)
class Leftover:
    """What a killed run has left: a directory, how large it is, and the processes that still work in it."""

    directory: Path
    bytes: int
    processes: tuple[int, ...]

    def words(self) -> str:
        """Return it in one line."""
        working = f", processes {', '.join(map(str, self.processes))}" if self.processes else ""
        return f"{self.directory} ({-(-self.bytes // 1024)} KiB{working})"


def leftovers() -> list[Leftover]:
    """Return what `sweep` would remove now; nothing is touched."""
    entries = [entry for place in _usable_places() for entry in sorted(place.glob("*.lease"))]
    found = (_orphaned(entry) for entry in entries)
    return [
        Leftover(directory, _size(directory), tuple(processes_in(directory)))
        for directory in found
        if directory is not None
    ]


def _orphaned(entry: Path) -> Path | None:
    """Return the directory that an entry without an owner names, None for a living run's."""
    with _unowned(entry) as directory:
        return directory if directory is not None and _is_leftover(directory) else None


def _size(directory: Path) -> int:
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(folder, name).lstat().st_blocks * 512
    return total


def end_processes_in(directory: Path) -> None:
    """End every PostgreSQL process that works in `directory`: immediate shutdown, in the end SIGKILL."""
    # Looking takes a moment where many processes run: once is enough where there is none, as nearly always.
    if not _signal_until_gone(directory, signal.SIGQUIT, _SHUTDOWN_SECONDS):
        _signal_until_gone(directory, signal.SIGKILL, 1.0)


def processes_in(directory: Path) -> list[int]:
    """Return the PostgreSQL processes that work in `directory` or below; elsewhere than on Linux only the postmaster.

    A server and its backends work in their data directory. The name is asked for as well: somebody's shell that
    happens to stand there is none of our business.
    """
    if not (_PROC / "self" / "cwd").exists():
        return _postmaster_in(directory)
    found = []
    for process in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
            if name in _OURS and (process / "cwd").readlink().is_relative_to(directory.resolve()):
                found.append(int(process.name))
    return found


def _places() -> list[Path]:
    """Return where entries may be, best first: not under TMPDIR alone, for a run with another TMPDIR must find them."""
    uid = os.geteuid()
    runtime = Path("/run/dbops") if uid == 0 else Path(f"/run/user/{uid}/dbops")  # nobody else can make these
    shared = [Path(folder, f"dbops-registry-{uid}") for folder in ("/tmp", temporary_directory())]  # noqa: S108
    return [runtime, *dict.fromkeys(shared)]


def _usable_places() -> list[Path]:
    return [place for place in _places() if _is_private(place)]


def _is_private(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077


def _registry() -> Path:
    """Return the first place that is, or can be made, a private directory of this user."""
    for place in _places():
        if _made_private(place):
            return place
    raise UnavailableError(
        f"no private directory to register a scratch server in: tried {', '.join(map(str, _places()))}",
        hint="make one of them writable, or remove it when somebody else owns it",
    )


def _made_private(place: Path) -> bool:
    """Tell whether a place is, or now was made, a private directory of this user.

    More than one look: with the last entry of another run goes the directory, at whatever moment.
    """
    for _ in range(_LOOKS):
        with contextlib.suppress(OSError):
            place.mkdir(mode=0o700)
        if _is_private(place) and os.access(place, os.W_OK):
            return True
    return False


def _new_entry(content: bytes) -> tuple[Path, int]:
    while True:
        entry = _registry() / f"{random_tokens.token_hex(8)}.lease"
        try:
            descriptor = os.open(entry, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # the last entry of another run has just gone, and the directory with it
            continue
        # A sweep may have caught the file between open and lock, and removed it: then another is made.
        if _lock(descriptor) and entry.exists():
            os.write(descriptor, content)
            return entry, descriptor
        os.close(descriptor)


def _remove_entry(entry: Path) -> None:
    """Remove an entry, and with the last one the registry."""
    entry.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        entry.parent.rmdir()


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _unowned(entry: Path) -> Iterator[Path | None]:
    """Hold an entry without an owner and yield the directory it names; None for a living run's, or one that is gone."""
    try:
        descriptor = os.open(entry, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield Path(os.fsdecode(os.read(descriptor, 4096))) if _lock(descriptor) else None
    finally:
        os.close(descriptor)


def _reap(entry: Path) -> Path | None:
    """Return the directory that an entry without an owner named, once it is gone."""
    with _unowned(entry) as directory:
        if directory is None:
            return None
        removed = _is_leftover(directory)
        if removed:
            end_processes_in(directory)
            _remove_tree(directory)
        if not removed or not directory.exists():
            _remove_entry(entry)
        return directory if removed else None


def _remove_tree(directory: Path) -> None:
    """Remove a directory with everything in it; large files by several threads, since giving back pages takes time.

    By descriptors throughout: somebody else's server owned a part of it, and may have put links there.
    """
    with contextlib.suppress(OSError), ThreadPoolExecutor(_REMOVERS) as pool:
        for _, _, names, descriptor in os.fwalk(directory):
            large = [name for name in names if _is_large(name, descriptor)]
            for _ in pool.map(lambda name, at=descriptor: _unlink(name, at), large):
                pass
    shutil.rmtree(directory, ignore_errors=True)


def _is_large(name: str, descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_size >= _LARGE
    return False


def _unlink(name: str, descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=descriptor)


def _is_leftover(directory: Path) -> bool:
    try:
        status = directory.lstat()
    except OSError:
        return False
    return bool(_NAME.fullmatch(directory.name)) and stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _signal_until_gone(directory: Path, number: int, seconds: float) -> bool:
    """Tell whether they have all gone within so many seconds."""
    end = time.monotonic() + seconds
    while (pids := processes_in(directory)) and time.monotonic() < end:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        time.sleep(0.05)
    return not pids


def _postmaster_in(directory: Path) -> list[int]:
    """Return the pid in a data directory's `postmaster.pid`, if its command line still names that directory."""
    with contextlib.suppress(OSError, ValueError, IndexError, DbopsError):
        lines = (directory / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        if str(directory) in ask(Path("/bin/ps"), "-o", "command=", "-p", str(int(lines[0]))):
            return [int(lines[0])]
    return []
