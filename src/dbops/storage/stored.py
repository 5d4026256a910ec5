"""A stored backup: the names its files have, its manifest as it lies there, and whether its bytes are still those.

What this does not do: know where backups lie or which there are (`local.py`), or what is inside a dump.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dbops.errors import DamageError
from dbops.files import sha256_of
from dbops.model import BackupFile, BackupManifest
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DUMP = ".dump"
ENCRYPTED_DUMP = ".dump.age"
# A dump in directory format: the files lie in a directory of that name.
DUMP_DIRECTORY = ".dumpdir"
LISTING = ".list"
ROLES = ".roles.json"
INVENTORY = ".inventory.jsonl"
CHECKSUMS = ".sha256"
MANIFEST = ".manifest.json"
HOLD = ".hold.json"

SUFFIXES = (DUMP, ENCRYPTED_DUMP, DUMP_DIRECTORY, LISTING, ROLES, INVENTORY, CHECKSUMS, MANIFEST, HOLD)
_NAME = r"(?P<key>[a-z0-9_-]+-[0-9a-f]{8})-(?P<run>\d{8}T\d{6}Z-[0-9a-f]{6,})"
_ENDS = rf"(?P<suffix>{'|'.join(map(re.escape, SUFFIXES))})"
# A file of a backup as its manifest names it; only a directory dump has files below a name.
_MEMBER = re.compile(rf"{_NAME}(?:{_ENDS}|{re.escape(DUMP_DIRECTORY)}/[A-Za-z0-9_][A-Za-z0-9_.]*)", re.ASCII)
# Under a final name, or one of the names a file has before it gets there.
FILE = re.compile(rf"\.?{_NAME}{_ENDS}(?:\.partial|\.[0-9a-f]{{8}}\.tmp)?", re.ASCII)


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
        """The file of the dump, or its directory; `encryption.in_the_clear` says what pg_restore is given."""
        first = self.file(self.manifest.artifact.files[0])
        return first.parent if self.manifest.artifact.format == "directory" else first

    def file(self, recorded: BackupFile) -> Path:
        """Return where a recorded file lies; DamageError when its name is not that of a file of this backup."""
        matched = _MEMBER.fullmatch(recorded.path)
        if not matched or matched["run"] != self.manifest.id:
            raise DamageError(f"{self.path} names a file that does not belong to it: {recorded.path!r}")
        return self.path.parent / recorded.path

    @property
    def encrypted(self) -> bool:
        """Whether it takes an identity to read the dump."""
        return self.manifest.artifact.encryption is not None

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


def read_stored(path: Path) -> StoredBackup | Unusable:
    """Return the backup of a manifest, or why it is none that can be used."""
    try:
        manifest = BackupManifest.model_validate_json(path.read_bytes())
    except OSError as cause:
        return Unusable(path, cause.strerror or str(cause))
    except ValidationError as cause:
        return Unusable(path, f"not a manifest of version 1 ({counted(cause.error_count(), 'error')})")
    matched = FILE.fullmatch(path.name)
    key = database_key(manifest.source.system_identifier, manifest.source.database)
    if not matched or (matched["key"], matched["run"]) != (key, manifest.id):
        return Unusable(path, "it belongs to another backup than its name says")
    return StoredBackup(manifest, path)


def missing_of(stored: StoredBackup) -> str | None:
    """Return what a backup lacks, as far as a look at its directory tells; the hashes tell the rest."""
    for recorded in stored.files():
        try:
            path = stored.file(recorded)
            size = path.stat().st_size
        except FileNotFoundError:
            return f"{recorded.path} is missing"
        except (DamageError, OSError) as cause:
            return str(cause)
        if size != recorded.bytes:
            return f"{path.name} has {size} bytes, the manifest says {recorded.bytes}"
    return None


def verify_hashes(stored: StoredBackup) -> int:
    """Compare every file of a backup with its manifest, and the manifest with the checksum file.

    Returns the bytes read. Raises DamageError naming the first file that differs; no parser has touched it by then.
    """
    total = 0
    for recorded in stored.files():
        total += _verify(stored.file(recorded), recorded)
    if stored.manifest.artifact.format == "directory":
        _verify_members(stored)
    _verify_manifest(stored)
    return total


def _verify_members(stored: StoredBackup) -> None:
    """Compare the names in a dump's directory with the manifest: one too many is of another run, or was planted."""
    known = {stored.file(recorded).name for recorded in stored.manifest.artifact.files}
    strange = sorted(path.name for path in stored.dump.iterdir() if path.name not in known)
    if strange:
        raise DamageError(f"{stored.dump} holds what its manifest does not name: {', '.join(strange[:5])}")


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
    if said != checksum_lines([*stored.files(), described(stored.path.name, manifest)]):
        raise DamageError(f"{checksums} and {stored.path.name} do not belong together: one of them was changed")


def described(name: str, data: bytes) -> BackupFile:
    """Return what a manifest says of a file with these bytes."""
    return BackupFile(path=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def checksum_lines(files: Iterable[BackupFile]) -> bytes:
    """Return what `sha256sum --check` reads."""
    return "".join(f"{one.sha256}  {one.path}\n" for one in files).encode("ascii")
