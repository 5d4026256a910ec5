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
import hashlib
import os
import re
import time
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from dbops.errors import DamageError, UnavailableError, UsageError
from dbops.files import locked, secure_directory, sha256_of, sync_directory, write_atomically
from dbops.model import BackupFile, BackupManifest

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

DUMP = ".dump"
LISTING = ".list"
ROLES = ".roles.json"
INVENTORY = ".inventory.jsonl"
CHECKSUMS = ".sha256"
MANIFEST = ".manifest.json"
HOLD = ".hold.json"

_SUFFIXES = (DUMP, LISTING, ROLES, INVENTORY, CHECKSUMS, MANIFEST, HOLD)
_NAME = r"(?P<key>[a-z0-9_-]+-[0-9a-f]{8})-(?P<run>\d{8}T\d{6}Z-[0-9a-f]{6,})"
_ENDS = rf"(?P<suffix>{'|'.join(map(re.escape, _SUFFIXES))})"
# Under a final name, or one of the names a file has before it gets there.
_FILE = re.compile(rf"\.?{_NAME}{_ENDS}(?:\.partial|\.[0-9a-f]{{8}}\.tmp)?", re.ASCII)


def database_key(system_identifier: str, database: str) -> str:
    """Return the part of a name that all backups of one database share: readable, safe, and never two databases'."""
    readable = re.sub(r"[^a-z0-9_]+", "-", database.lower()).strip("-")[:32] or "database"
    identity = hashlib.sha256(f"{system_identifier}\0{database}".encode()).hexdigest()[:8]
    return f"{readable}-{identity}"


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """A published backup: its manifest, and where the manifest lies."""

    manifest: BackupManifest
    path: Path

    @property
    def dump(self) -> Path:
        """The (first) file of the dump."""
        return self.file(self.manifest.artifact.files[0])

    def file(self, recorded: BackupFile) -> Path:
        """Return where a recorded file lies; DamageError when its name is not that of a file of this backup."""
        matched = _FILE.fullmatch(recorded.path)
        if not matched or matched["run"] != self.manifest.id or recorded.path.startswith("."):
            raise DamageError(f"{self.path} names a file that does not belong to it: {recorded.path!r}")
        return self.path.with_name(recorded.path)

    @property
    def name(self) -> str:
        """What the names of all its files begin with."""
        return self.path.name.removesuffix(MANIFEST)

    def beside(self, suffix: str) -> Path:
        """Return where the file of this backup with that suffix lies."""
        return self.path.with_name(f"{self.name}{suffix}")

    @property
    def bytes(self) -> int:
        """How large the dump is."""
        return sum(one.bytes for one in self.manifest.artifact.files)

    def files(self) -> tuple[BackupFile, ...]:
        """Return every file the manifest vouches for."""
        parts = (self.manifest.listing, self.manifest.roles, self.manifest.inventory)
        return (*self.manifest.artifact.files, *(part for part in parts if part is not None))


@dataclass(frozen=True, slots=True)
class Unusable:
    """A manifest, or a backup behind one, that is not what it should be."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A directory of backups; see the module for its rules. Raises UnavailableError where it cannot be used."""

    directory: Path

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Return the store in `directory`, created with mode 0700 where missing, refused where others can write."""
        # Absolute, since programs do not run in our working directory.
        return cls(secure_directory(directory.absolute(), error=UnavailableError))

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

    def fill(self, partial: Path, data: bytes) -> None:
        """Write a reserved file. Raises UnavailableError."""
        try:
            partial.write_bytes(data)
        except OSError as cause:
            raise UnavailableError(f"cannot write {partial}: {cause.strerror}", hint="free some space there") from cause

    def seal(self, name: str, suffix: str, partial: Path) -> BackupFile:
        """Bring a finished file to disk and describe it under the name it is going to have. Raises UnavailableError."""
        try:
            descriptor = os.open(partial, os.O_RDONLY | os.O_CLOEXEC)
            try:
                # Never tried again: the kernel may have dropped the pages, and would answer a second call with success.
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            digest, size = sha256_of(partial)
        except OSError as cause:
            raise UnavailableError(f"cannot bring {partial} to disk: {cause.strerror}") from cause
        return BackupFile(path=f"{name}{suffix}", bytes=size, sha256=digest)

    def discard(self, name: str) -> None:
        """Remove whatever of backup `name` has not been published; never raises."""
        for path in self._belonging(name):
            with contextlib.suppress(OSError):
                path.unlink()

    def publish(self, name: str, manifest: BackupManifest, partials: Mapping[str, Path]) -> StoredBackup:
        """Give the partial files (by suffix) their names and write the manifest, last; on any failure nothing stays.

        The files are on disk already. Raises UnavailableError.
        """
        path = self.directory / f"{name}{MANIFEST}"
        stored = StoredBackup(manifest, path)
        document = manifest.model_dump_json(by_alias=True, indent=1).encode() + b"\n"
        checksums = _checksum_lines([*stored.files(), _described(path.name, document)])
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
            for suffix in _SUFFIXES:
                stored.beside(suffix).unlink(missing_ok=True)
            sync_directory(self.directory)
        except OSError as cause:
            raise UnavailableError(f"cannot remove all of {stored.name}: {cause.strerror}") from cause

    def find(self, backup_id: str) -> StoredBackup | Unusable:
        """Return the backup of that id. Raises UsageError when there is none."""
        for path in self._manifests():
            matched = _FILE.fullmatch(path.name)
            if matched and matched["run"] == backup_id:
                return _read(path)
        raise UsageError(
            f"there is no backup {backup_id} in {self.directory}", hint="dbops backup list shows what there is"
        )

    def sweep(self, key: str, *, older_than: float) -> tuple[Path, ...]:
        """Remove what ended runs left of this database: files without a manifest, older than that many seconds.

        The caller holds the lock, so no run on this machine is writing them; the age protects one on another machine.
        """
        oldest = time.time() - older_than
        removed = []
        for path in sorted(self.directory.iterdir()):
            matched = _FILE.fullmatch(path.name)
            if not matched or matched["key"] != key or self._published(matched):
                continue
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < oldest:
                    path.unlink()
                    removed.append(path)
        return tuple(removed)

    def _published(self, matched: re.Match[str]) -> bool:
        partial = matched.string.startswith(".")
        return not partial and (self.directory / f"{matched['key']}-{matched['run']}{MANIFEST}").exists()

    def backups(self) -> tuple[StoredBackup, ...]:
        """Return every backup whose manifest can be read and whose files are there in full size, newest first."""
        return tuple(stored for stored in self._readable() if not _misses(stored))

    def unusable(self) -> tuple[Unusable, ...]:
        """Return every manifest that `backups` leaves out, and why."""
        found = [read for path in self._manifests() if isinstance(read := _read(path), Unusable)]
        return (*found, *(Unusable(one.path, reason) for one in self._readable() if (reason := _misses(one))))

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

    def _intact(self, path: Path, database: str) -> StoredBackup:
        stored = _read(path)
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
        found = [stored for path in self._manifests() if isinstance(stored := _read(path), StoredBackup)]
        return tuple(sorted(found, key=_moment, reverse=True))

    def _manifests(self) -> list[Path]:
        found = (path for path in self.directory.iterdir() if path.name.endswith(MANIFEST))
        return [path for path in found if _FILE.fullmatch(path.name) and not path.name.startswith(".")]

    def _belonging(self, name: str) -> list[Path]:
        places = [self.partial(name, suffix) for suffix in _SUFFIXES]
        if not (self.directory / f"{name}{MANIFEST}").exists():
            places += [self.directory / f"{name}{suffix}" for suffix in _SUFFIXES]
        return places


def verify_hashes(stored: StoredBackup) -> int:
    """Compare every file of a backup with its manifest, and the manifest with the checksum file.

    Returns the bytes read. Raises DamageError naming the first file that differs; no parser has touched it by then.
    """
    total = 0
    for recorded in stored.files():
        total += _verify(stored.file(recorded), recorded)
    _verify_manifest(stored)
    return total


def _verify(path: Path, recorded: BackupFile) -> int:
    hint = "do not restore from this backup; take a new one with: dbops backup"
    try:
        digest, size = sha256_of(path)
    except OSError as cause:
        raise DamageError(f"{path} cannot be read: {cause.strerror}", hint=hint) from cause
    if size != recorded.bytes:
        raise DamageError(f"{path} has {size} bytes, its manifest says {recorded.bytes}", hint=hint)
    if digest != recorded.sha256:
        raise DamageError(f"{path} has SHA-256 {digest}, its manifest says {recorded.sha256}", hint=hint)
    return size


def _verify_manifest(stored: StoredBackup) -> None:
    """Compare the checksum file, every line of it, with the manifest as it lies there and what the manifest says."""
    checksums = stored.beside(CHECKSUMS)
    try:
        manifest = stored.path.read_bytes()
        said = checksums.read_bytes()
    except OSError as cause:
        raise DamageError(f"{cause.filename} cannot be read: {cause.strerror}; nothing vouches for the rest") from cause
    if said != _checksum_lines([*stored.files(), _described(stored.path.name, manifest)]):
        raise DamageError(f"{checksums} and {stored.path.name} do not belong together: one of them was changed")


def _read(path: Path) -> StoredBackup | Unusable:
    try:
        manifest = BackupManifest.model_validate_json(path.read_bytes())
    except OSError as cause:
        return Unusable(path, cause.strerror or str(cause))
    except ValidationError as cause:
        return Unusable(path, f"not a manifest of version 1 ({cause.error_count()} errors)")
    matched = _FILE.fullmatch(path.name)
    key = database_key(manifest.source.system_identifier, manifest.source.database)
    if not matched or (matched["key"], matched["run"]) != (key, manifest.id):
        return Unusable(path, "it belongs to another backup than its name says")
    return StoredBackup(manifest, path)


def _misses(stored: StoredBackup) -> str | None:
    """Return what a backup lacks, as far as a look at its directory tells; the hashes tell the rest."""
    for recorded in stored.files():
        try:
            path = stored.file(recorded)
            size = path.stat().st_size
        except (DamageError, OSError) as cause:
            return str(cause)
        if size != recorded.bytes:
            return f"{path.name} has {size} bytes, the manifest says {recorded.bytes}"
    return None


def _identity(stored: StoredBackup) -> tuple[str, str]:
    return stored.manifest.source.system_identifier, stored.manifest.source.database


def _moment(stored: StoredBackup) -> tuple[dt.datetime, str]:
    return stored.manifest.snapshot_at, stored.manifest.id


def _second(path: Path) -> str:
    matched = _FILE.fullmatch(path.name)
    return matched["run"].partition("-")[0] if matched else ""


def _described(name: str, data: bytes) -> BackupFile:
    return BackupFile(path=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def _checksum_lines(files: Iterable[BackupFile]) -> bytes:
    return "".join(f"{one.sha256}  {one.path}\n" for one in files).encode("ascii")
