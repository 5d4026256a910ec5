"""Files that must be there, whole, after the power went: directories nobody else can write to, atomic writes, locks.

Rules, in order: a directory is looked at before it is used; a file appears under its name only when all of it is on
disk; a line is acknowledged only after fsync; after a failed fsync nothing is tried again, since the kernel may have
dropped the pages and would answer the second call with success; a lock file is never unlinked, since whoever opened
the old one would hold a lock that nobody else sees. POSIX only. What it does not do: know what the bytes mean.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbops.errors import DbopsError, EvidenceNotKeptError, LockedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 16
_POLL_SECONDS = 0.005
_DEVICES = Path("/dev")


@dataclass(frozen=True, slots=True)
class Torn:
    """The end of a file that was cut off in the middle of a line: where it was moved, its digest and size in bytes."""

    path: Path
    sha256: str
    bytes: int


def secure_directory(path: Path, *, error: type[DbopsError] = EvidenceNotKeptError, to_write: bool = True) -> Path:
    """Return `path` as a directory that only its owner writes to, created with mode 0700 where missing.

    Raises `error` for a symbolic link, a file, a world-writable directory, one of another user (root accepts any
    owner, everybody accepts root's), and for one that cannot be created or, unless it is only read, written to.
    """
    try:
        _create(path)
        status = os.lstat(path)
    except OSError as cause:
        raise _not_kept(error, path, cause) from cause
    wrong = _what_is_unsafe(status)
    if wrong:
        raise error(f"{path} is not a safe place to keep files: {wrong}", hint=_MEND.get(wrong, _ELSEWHERE))
    if to_write and not os.access(path, os.W_OK | os.X_OK):
        raise error(f"{path} cannot be written to by uid {os.geteuid()}", hint=_ELSEWHERE)
    return path


def directory_notes(path: Path) -> tuple[str, ...]:
    """Return what is worth a note, not a refusal, about an accepted directory."""
    if os.lstat(path).st_mode & stat.S_IWGRP:
        return (f"{path} is writable by its group: everyone in that group can delete what is kept there",)
    return ()


def write_atomically(
    path: Path, data: bytes, mode: int = 0o600, *, error: type[DbopsError] = EvidenceNotKeptError
) -> None:
    """Put `data` at `path`, durable and whole, or leave what was there; raises `error` when it cannot.

    A device, a pipe or a socket is never replaced: root could, and the machine would be without it.
    """
    if wrong := not_replaceable(path):
        raise error(f"{path} {wrong}", hint="name a file")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _create_with(temporary, data, mode)
        os.replace(temporary, path)  # noqa: PTH105  (fault tests replace the os functions)
        sync_directory(path.parent)
    except OSError as cause:
        raise _not_kept(error, path, cause) from cause
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def not_replaceable(path: Path) -> str | None:
    """Return why a file must not take the place of what is at `path`, None if it may."""
    parent = path.parent.resolve()
    if parent.is_relative_to("/proc") or parent == _DEVICES:  # such as /dev/stdout, a link to wherever that goes
        return "is not a place for files"
    with contextlib.suppress(OSError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return "is a device, a pipe or a socket, and would be replaced"
    return None


def write_new(path: Path, data: bytes, mode: int = 0o600, *, error: type[DbopsError] = EvidenceNotKeptError) -> None:
    """Create `path`, which must not exist, with all of `data` on disk; its directory entry is not synced yet."""
    try:
        _create_with(path, data, mode)
    except OSError as cause:
        raise _not_kept(error, path, cause) from cause


def _create_with(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        if mode & 0o077:  # meant for others too, and the umask of dbops takes that away
            os.fchmod(descriptor, mode)
        _write_all(descriptor, data)
        os.fsync(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)


def append_line(path: Path, line: bytes, *, error: type[DbopsError] = EvidenceNotKeptError) -> None:
    """Append `line` and a newline to `path`, durable, one writer at a time; a torn tail is set aside first.

    Raises `error` when the line is not on disk; the file then ends where it ended before.
    """
    with waiting_for(path.with_name(path.name + ".lock"), error=error), open_for_append(path, error=error) as file:
        set_aside_torn_tail(file, path, error=error)
        append_durably(file, line + b"\n", path, error=error)


@contextlib.contextmanager
def open_for_append(path: Path, *, error: type[DbopsError] = EvidenceNotKeptError) -> Iterator[int]:
    """Yield a descriptor to read and append to `path`, created with mode 0600; never through a symbolic link."""
    flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            descriptor = os.open(path, flags | os.O_CREAT, 0o600)
            sync_directory(path.parent)
    except OSError as cause:
        raise _not_kept(error, path, cause) from cause
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def append_durably(descriptor: int, data: bytes, path: Path, *, error: type[DbopsError] = EvidenceNotKeptError) -> None:
    """Append `data` in one write and sync it; on any failure cut the file back to where it ended and raise `error`.

    The caller holds the lock. A line that was not acknowledged must not stay: the next one would be chained to it.
    """
    end = os.fstat(descriptor).st_size
    try:
        _write_once(descriptor, data)
        os.fsync(descriptor)
    except BaseException as cause:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, end)
        if isinstance(cause, OSError):
            raise _not_kept(error, path, cause) from cause
        raise


def set_aside_torn_tail(descriptor: int, path: Path, *, error: type[DbopsError] = EvidenceNotKeptError) -> Torn | None:
    """Move an unfinished last line of `path` to `torn.<sha256>` beside it; None when the file ends with a newline.

    The bytes are on disk under their new name before they are cut off: a torn line is evidence of a crash.
    """
    try:
        tail = _unfinished_line(descriptor)
        if not tail:
            return None
        digest = hashlib.sha256(tail).hexdigest()
        aside = path.with_name(f"torn.{digest}")
        if not aside.exists():
            write_atomically(aside, tail, error=error)
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - len(tail))
        os.fsync(descriptor)
    except OSError as cause:
        raise _not_kept(error, path, cause) from cause
    return Torn(aside, digest, len(tail))


def last_line(descriptor: int) -> bytes | None:
    """Return the last finished line without its newline, None for an empty file; the file ends with a newline."""
    end = os.fstat(descriptor).st_size
    if end == 0:
        return None
    return _after_last_newline(descriptor, end - 1)


@contextlib.contextmanager
def locked(path: Path, *, holder: str, error: type[DbopsError] = EvidenceNotKeptError) -> Iterator[None]:
    """Hold the lock file at `path`; raise LockedError, naming who holds it, at once when somebody else does.

    `holder` says who we are ("suite 20260101T000000Z-abcdef"), for the message the other one gets.
    """
    descriptor = _open_lock(path, error)
    try:
        if not try_lock(descriptor):
            raise LockedError(
                f"{path} is held by {_named_holder(path)}",
                hint="wait until it has finished; the lock goes with its process, there is nothing to delete",
            )
        _name_holder(descriptor, holder)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def waiting_for(path: Path, *, seconds: float = 30.0, error: type[DbopsError] = EvidenceNotKeptError) -> Iterator[None]:
    """Hold the lock file at `path`, waiting up to `seconds` for it; LockedError after that."""
    descriptor = _open_lock(path, error)
    try:
        deadline = time.monotonic() + seconds
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise LockedError(
                    f"{path} has been held by another process for {seconds:g} s",
                    hint="a writer needs milliseconds: look for a stopped dbops process",
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the exclusive flock of an open file; False when another open file has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def keeping(path: Path, *, error: type[DbopsError] = EvidenceNotKeptError) -> Iterator[None]:
    """Turn errors of the system inside into `error`, which names `path`, or the file the system named."""
    try:
        yield
    except OSError as cause:
        named = path if cause.filename is None else path.__class__(os.fsdecode(cause.filename))
        raise _not_kept(error, named, cause) from cause


def sync_directory(path: Path) -> None:
    """Make created, renamed and removed names in a directory durable; OSError when that fails."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> tuple[str, int]:
    """Return the SHA-256 (hex) and the size in bytes of a file, read in pieces."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK * 16):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


_ELSEWHERE = "name another directory, or give this one to the user who runs dbops (mode 0700)"
_SYMLINK = "it is a symbolic link"
_FILE = "it is not a directory"
_WORLD = "everybody can write to it"
_FOREIGN = "it belongs to another user"
_MEND = {
    _SYMLINK: "name the directory the link points to",
    _WORLD: "take the right away with chmod o-w, or name another directory",
}


def _what_is_unsafe(status: os.stat_result) -> str | None:
    if stat.S_ISLNK(status.st_mode):
        return _SYMLINK
    if not stat.S_ISDIR(status.st_mode):
        return _FILE
    if status.st_mode & stat.S_IWOTH:
        return _WORLD
    if os.geteuid() != 0 and status.st_uid not in {os.geteuid(), 0}:
        return _FOREIGN
    return None


def _create(path: Path) -> None:
    """Create a directory and what is missing above it, each 0700; what exists is left for the caller to judge."""
    if os.path.lexists(path):
        return
    if path.parent != path:
        _create(path.parent)
    try:
        os.mkdir(path, 0o700)  # noqa: PTH102  (fault tests replace the os functions)
    except FileExistsError:
        return  # another process was quicker; it is judged like any other
    sync_directory(path.parent)


def _not_kept(error: type[DbopsError], path: Path, cause: OSError) -> DbopsError:
    hints = {
        errno.ENOSPC: "free some space on that file system, then run the command again",
        errno.EDQUOT: "free some of the quota on that file system, then run the command again",
        errno.EROFS: "the file system is read-only: name a directory elsewhere",
        errno.EIO: "the device reports errors: check it before trusting anything on it",
    }
    hint = hints.get(cause.errno or 0, _ELSEWHERE)
    return error(f"cannot write {path}: {cause.strerror or cause}", hint=hint)


def _write_once(descriptor: int, data: bytes) -> None:
    """Write `data` in one call; a short write means the disk filled up, and going on would leave half a line."""
    written = os.write(descriptor, data)
    if written != len(data):
        raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes were written")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = os.write(descriptor, view)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[written:]


def _unfinished_line(descriptor: int) -> bytes:
    end = os.fstat(descriptor).st_size
    if end == 0 or os.pread(descriptor, 1, end - 1) == b"\n":
        return b""
    return _after_last_newline(descriptor, end)


def _after_last_newline(descriptor: int, end: int) -> bytes:
    """Return the bytes before `end` that follow the last newline there."""
    start, pieces = end, []
    while start > 0:
        size = min(_CHUNK, start)
        start -= size
        chunk = os.pread(descriptor, size, start)
        newline = chunk.rfind(b"\n")
        if newline >= 0:
            pieces.append(chunk[newline + 1 :])
            break
        pieces.append(chunk)
    return b"".join(reversed(pieces))


def _open_lock(path: Path, error: type[DbopsError]) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as cause:
        raise _not_kept(error, path, cause) from cause


def _name_holder(descriptor: int, holder: str) -> None:
    text = json.dumps({"holder": holder, "pid": os.getpid()}).encode() + b"\n"
    with contextlib.suppress(OSError):  # only for the other one's message; a full disk must not cost the lock
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)


def _named_holder(path: Path) -> str:
    try:
        named = json.loads(path.read_bytes())
        return f"{named['holder']} (process {named['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
