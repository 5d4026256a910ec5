"""Backups in a directory of this machine: published whole, found by their manifests, checked before they are believed.

The rules, in order:

1. Names come from a strict alphabet: `<database>-<8 hex digits of cluster and database>-<run id><suffix>`. Whatever a
   database is called, nothing of it but `[a-z0-9_-]` reaches a path.
2. Files are written as `.<name>.partial` (0600, never over an existing file) and renamed when all of them are on disk.
3. The manifest comes last. A backup exists if and only if its manifest exists and matches; anything else is left over.
4. A manifest names files beside it, never a path: `../../etc/passwd` in an edited one is damage, not a file to open.
5. The newest backup is the newest *manifest* of that cluster and database. One that cannot be read is damage and is
   said so: an older backup in its place would be a silent lie about the age of what can be restored.

What this does not do: know what is inside a dump, or decide what may be removed (`dbops.backup.retention`).
"""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import time
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Self

from dbops.errors import DamageError, UnavailableError, UsageError
from dbops.files import locked, secure_directory, sha256_of, sync_directory, write_atomically
from dbops.model import BackupFile, BackupManifest
from dbops.storage.stored import (
    CHECKSUMS,
    DUMP_DIRECTORY,
    FILE,
    MANIFEST,
    SUFFIXES,
    StoredBackup,
    Unusable,
    checksum_lines,
    database_key,
    described,
    missing_of,
    read_stored,
)

if TYPE_CHECKING:
    import datetime as dt
    import re
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A directory of backups; see the module for its rules. Raises UnavailableError where it cannot be used."""

    directory: Path

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Return the store in `directory`, created with mode 0700 where missing, refused where others can write."""
        # Absolute, since programs do not run in our working directory.
        return cls(secure_directory(directory.absolute(), error=UnavailableError))

    @classmethod
    def existing(cls, directory: Path) -> Self:
        """Return the store in `directory`; UnavailableError where there is none, which may be a mount that failed.

        It may be one that can only be read: whatever then has to write says that it cannot.
        """
        if not directory.is_dir():
            raise UnavailableError(f"there is no backup directory {directory}", hint="make a backup: dbops backup")
        return cls(secure_directory(directory.absolute(), error=UnavailableError, to_write=False))

    def lock(self, key: str, *, holder: str) -> AbstractContextManager[None]:
        """Hold this store for one database; LockedError at once when another run does."""
        return locked(self.directory / f".{key}.lock", holder=holder, error=UnavailableError)

    def partial(self, name: str, suffix: str) -> Path:
        """Return where a file of backup `name` is written before it is published."""
        return self.directory / f".{name}{suffix}.partial"

    def reserve(self, name: str, suffix: str) -> Path:
        """Create the partial file (0600, new): what a program writes there is never readable by anybody else."""
        path = self.partial(name, suffix)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except OSError as cause:
            raise UnavailableError(
                f"cannot create {path}: {cause.strerror}", hint="free some space there, or name another directory"
            ) from cause
        return path

    def reserve_directory(self, name: str) -> Path:
        """Create the partial directory (0700, new) of a dump in directory format."""
        path = self.partial(name, DUMP_DIRECTORY)
        try:
            path.mkdir(mode=0o700)
        except OSError as cause:
            raise UnavailableError(
                f"cannot create {path}: {cause.strerror}", hint="free some space there, or name another directory"
            ) from cause
        return path

    def fill(self, partial: Path, data: bytes) -> None:
        """Write a reserved file. Raises UnavailableError."""
        try:
            partial.write_bytes(data)
        except OSError as cause:
            raise UnavailableError(f"cannot write {partial}: {cause.strerror}", hint="free some space there") from cause

    def seal(self, name: str, suffix: str, partial: Path) -> tuple[BackupFile, ...]:
        """Bring what is finished to disk and describe it under the name it is going to have: a file, or all files of a
        directory, in name order. Raises UnavailableError.
        """  # noqa: D205
        if not partial.is_dir():
            return (_sealed(partial, f"{name}{suffix}"),)
        files = tuple(_sealed(path, f"{name}{suffix}/{path.name}") for path in sorted(partial.iterdir()))
        try:
            sync_directory(partial)
        except OSError as cause:
            raise UnavailableError(f"cannot bring {partial} to disk: {cause.strerror}") from cause
        return files

    def discard(self, name: str) -> None:
        """Remove whatever of backup `name` has not been published; never raises."""
        for path in self._belonging(name):
            with contextlib.suppress(OSError):
                _erase(path)

    def publish(self, name: str, manifest: BackupManifest, partials: Mapping[str, Path]) -> StoredBackup:
        """Give the partial files (by suffix) their names and write the manifest, last; on any failure nothing stays.

        The files are on disk already. Raises UnavailableError.
        """
        path = self.directory / f"{name}{MANIFEST}"
        stored = StoredBackup(manifest, path)
        document = manifest.model_dump_json(by_alias=True, indent=1).encode() + b"\n"
        checksums = checksum_lines([*stored.files(), described(path.name, document)])
        try:
            for suffix, partial in partials.items():
                os.rename(partial, self.directory / f"{name}{suffix}")  # noqa: PTH104  (fault tests replace it)
            write_atomically(self.directory / f"{name}{CHECKSUMS}", checksums, error=UnavailableError)
            sync_directory(self.directory)
            write_atomically(path, document, error=UnavailableError)
        except BaseException as cause:
            self._unpublish(name)
            if isinstance(cause, OSError):
                raise UnavailableError(f"cannot publish {path}: {cause.strerror}") from cause
            raise
        return stored

    def _unpublish(self, name: str) -> None:
        """Take a half-published backup away, the manifest first: without it the rest is no backup."""
        with contextlib.suppress(OSError):
            (self.directory / f"{name}{MANIFEST}").unlink(missing_ok=True)
        self.discard(name)

    def remove(self, stored: StoredBackup) -> None:
        """Remove a published backup, its manifest first: from then on it is none, whatever else is left.

        The caller holds the lock of its database. Raises UnavailableError.
        """
        try:
            stored.path.unlink()
            sync_directory(self.directory)
            for suffix in SUFFIXES:
                with contextlib.suppress(FileNotFoundError):
                    _erase(stored.beside(suffix))
            sync_directory(self.directory)
        except OSError as cause:
            raise UnavailableError(f"cannot remove all of {stored.name}: {cause.strerror}") from cause

    def find(self, backup_id: str) -> StoredBackup | Unusable:
        """Return the backup of that id. Raises UsageError when there is none, with those of the nearest ids."""
        known = {matched["run"]: path for path in self._manifests() if (matched := FILE.fullmatch(path.name))}
        if backup_id in known:
            return read_stored(known[backup_id])
        near = difflib.get_close_matches(backup_id, known, n=3, cutoff=0.5) or sorted(known, reverse=True)[:1]
        raise UsageError(
            f"there is no backup {backup_id} in {self.directory}",
            hint=f"did you mean {' or '.join(near)}? dbops backup list shows what there is"
            if near
            else "there are none at all; make one with: dbops backup",
        )

    def sweep(self, key: str, *, older_than: float) -> tuple[Path, ...]:
        """Remove what ended runs left of this database: files without a manifest, older than that many seconds.

        The caller holds the lock, so no run on this machine is writing them; the age protects one on another machine.
        """
        oldest = time.time() - older_than
        removed = []
        for path in sorted(self.directory.iterdir()):
            matched = FILE.fullmatch(path.name)
            if not matched or matched["key"] != key or self._published(matched):
                continue
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < oldest:
                    _erase(path)
                    removed.append(path)
        return tuple(removed)

    def _published(self, matched: re.Match[str]) -> bool:
        partial = matched.string.startswith(".")
        return not partial and (self.directory / f"{matched['key']}-{matched['run']}{MANIFEST}").exists()

    def backups(self) -> tuple[StoredBackup, ...]:
        """Return every backup whose manifest can be read and whose files are there in full size, newest first."""
        return tuple(stored for stored in self._readable() if not missing_of(stored))

    def unusable(self) -> tuple[Unusable, ...]:
        """Return every manifest that `backups` leaves out, and why."""
        found = [read for path in self._manifests() if isinstance(read := read_stored(path), Unusable)]
        return (*found, *(Unusable(one.path, reason) for one in self._readable() if (reason := missing_of(one))))

    def newest(self, system_identifier: str, database: str) -> StoredBackup | None:
        """Return the newest backup of this database of this cluster, None when there is none.

        Raises DamageError when a manifest of that database, newer than any other, cannot be read.
        """
        prefix = f"{database_key(system_identifier, database)}-"
        paths = [path for path in self._manifests() if path.name.startswith(prefix)]
        # A name holds the second its run began in. Runs of one database follow each other, so only the manifests of the
        # last second need to be read; which of those is the newest, they say themselves.
        for _, group in groupby(sorted(paths, key=_second, reverse=True), key=_second):
            found = [self._intact(path, database) for path in group]
            wanted = [one for one in found if _identity(one) == (system_identifier, database)]
            if wanted:
                return max(wanted, key=_moment)
        return None

    def likely(self, database: str) -> StoredBackup | None:
        """Return what is probably the newest backup of a database of that name, in whichever cluster: only a hint.

        None where there is none, or it cannot be read.
        """
        named = len(database_key("", database)) - 8  # without what tells clusters apart
        prefix = database_key("", database)[:named]
        found = [path for path in self._manifests() if path.name.startswith(prefix) and _key(path)[:named] == prefix]
        stored = read_stored(max(found, key=_second)) if found else None
        return stored if isinstance(stored, StoredBackup) else None

    def _intact(self, path: Path, database: str) -> StoredBackup:
        stored = read_stored(path)
        if isinstance(stored, Unusable):
            raise DamageError(
                f"the newest backup of {database!r} cannot be read: {stored.path}: {stored.reason}",
                hint="make another with: dbops backup; then move the damaged one's files away",
            )
        return stored

    def history(self, system_identifier: str, database: str) -> tuple[StoredBackup, ...]:
        """Return the backups of one database, oldest first."""
        wanted = (system_identifier, database)
        found = (one for one in self.backups() if _identity(one) == wanted)
        return tuple(sorted(found, key=_moment))

    def _readable(self) -> tuple[StoredBackup, ...]:
        found = [stored for path in self._manifests() if isinstance(stored := read_stored(path), StoredBackup)]
        return tuple(sorted(found, key=_moment, reverse=True))

    def _manifests(self) -> list[Path]:
        found = (path for path in self.directory.iterdir() if path.name.endswith(MANIFEST))
        return [path for path in found if FILE.fullmatch(path.name) and not path.name.startswith(".")]

    def _belonging(self, name: str) -> list[Path]:
        places = [self.partial(name, suffix) for suffix in SUFFIXES]
        if not (self.directory / f"{name}{MANIFEST}").exists():
            places += [self.directory / f"{name}{suffix}" for suffix in SUFFIXES]
        return places


def _sealed(path: Path, name: str) -> BackupFile:
    """Sync one file and describe it as `name`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # Never tried again: the kernel may have dropped the pages, and would answer a second call with success.
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        digest, size = sha256_of(path)
    except OSError as cause:
        raise UnavailableError(f"cannot bring {path} to disk: {cause.strerror}") from cause
    return BackupFile(path=name, bytes=size, sha256=digest)


def _erase(path: Path) -> None:
    """Remove a file, or the directory of a dump with what is in it; never follows a link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _identity(stored: StoredBackup) -> tuple[str, str]:
    return stored.manifest.source.system_identifier, stored.manifest.source.database


def _moment(stored: StoredBackup) -> tuple[dt.datetime, str]:
    return stored.manifest.snapshot_at, stored.manifest.id


def _key(path: Path) -> str:
    matched = FILE.fullmatch(path.name)
    return matched["key"] if matched else ""


def _second(path: Path) -> str:
    matched = FILE.fullmatch(path.name)
    return matched["run"].partition("-")[0] if matched else ""
