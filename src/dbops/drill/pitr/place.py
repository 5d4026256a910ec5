"""Where a drill works: a directory of its own that the scratch server's user can pass through, gone afterwards.

It is registered like a scratch server's, so that the next run removes what a killed one left. What this does not do:
open anybody else's directory.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.connection import places, registry
from dbops.connection.run_as import RunAs, unprivileged
from dbops.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.connection.binaries import Binaries

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A 0700 directory (0711 where the server runs as `user`), with what a drill keeps in it."""

    directory: Path
    user: RunAs | None

    @property
    def output(self) -> Path:
        """Where programs write what they say; nobody else's."""
        return self._made("output", 0o700)

    @property
    def base(self) -> Path:
        """Where the base backup goes; made by pg_basebackup."""
        return self.directory / "base"

    def frozen(self, name: str) -> Path:
        """Make a directory for a frozen part of the archive, for the server's user to read."""
        return self._made(name, 0o711 if self.user else 0o700)

    def _made(self, name: str, mode: int) -> Path:
        path = self.directory / name
        path.mkdir(mode=mode, exist_ok=True)
        path.chmod(mode)
        return path

    def reachable(self, programs: Binaries) -> Binaries:
        """Return programs that the server's user can run: where they are, else one copy for every server here."""
        return places.reachable_programs(programs, self.user, self.directory / "programs")

    def check_room(self, needed: int, what: str) -> None:
        """Refuse to fill the disk of the machine the drill runs on. Raises UnavailableError."""
        free = shutil.disk_usage(self.directory).free
        if free < needed:
            raise UnavailableError(
                f"{self.directory.parent} has {free // _MIB} MiB free, and {what} needs about {needed // _MIB} MiB",
                hint="name a larger place with TMPDIR",
            )


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """Yield a new place; what killed runs left is swept first."""
    registry.sweep()
    user = unprivileged()
    lease = registry.lease(places.base_directory(user, None))
    try:
        if user:
            lease.directory.chmod(0o711)
        yield Place(lease.directory, user)
    finally:
        lease.end()
