"""What a place that keeps backups does for everybody above it: a backup is staged, sealed, published, found, removed.

The order is the promise that every store keeps: what is staged is seen by nobody, what is sealed is on disk and
described, and only the manifest, which comes last, makes it a backup. `local.py` is a directory of this machine. What
this does not do: say where files lie; whoever holds a `StoredBackup` reads them where its manifest is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dbops.model import BackupFile, BackupManifest
    from dbops.storage.stored import StoredBackup, Unusable


class Store(Protocol):
    """A place that keeps backups. Its methods raise UnavailableError where it cannot be used."""

    @property
    def directory(self) -> Path:
        """Where backups are staged, and what is said about them is kept."""

    def lock(self, key: str, *, holder: str) -> AbstractContextManager[None]:
        """Hold the store for one database; LockedError at once when another run does."""

    def reserve(self, name: str, suffix: str) -> Path:
        """Stage a file: empty, new, for nobody else to read."""

    def reserve_directory(self, name: str) -> Path:
        """Stage a dump in directory format: empty, new, for nobody else to read."""

    def partial(self, name: str, suffix: str) -> Path:
        """Return where a staged file lies."""

    def fill(self, partial: Path, data: bytes) -> None:
        """Write a staged file."""

    def seal(self, name: str, suffix: str, partial: Path) -> tuple[BackupFile, ...]:
        """Bring what is staged to disk and describe it under the name it is going to have."""

    def publish(self, name: str, manifest: BackupManifest, partials: Mapping[str, Path]) -> StoredBackup:
        """Make it a backup: every staged file (by suffix), the manifest last; on any failure nothing stays."""

    def discard(self, name: str) -> None:
        """Remove what has not been published; never raises."""

    def sweep(self, key: str, *, older_than: float) -> tuple[Path, ...]:
        """Remove what ended runs left of one database, older than that many seconds; the caller holds the lock."""

    def remove(self, stored: StoredBackup) -> None:
        """Remove a backup, its manifest first; the caller holds the lock."""

    def find(self, backup_id: str) -> StoredBackup | Unusable:
        """Return the backup of that id. Raises UsageError when there is none."""

    def newest(self, system_identifier: str, database: str) -> StoredBackup | None:
        """Return the newest backup of this database of this cluster. Raises DamageError when it cannot be read."""

    def history(self, system_identifier: str, database: str) -> tuple[StoredBackup, ...]:
        """Return the backups of one database, oldest first."""

    def backups(self) -> tuple[StoredBackup, ...]:
        """Return every backup that can be used, newest first."""

    def unusable(self) -> tuple[Unusable, ...]:
        """Return every manifest that `backups` leaves out, and why."""
