"""Encryption at rest with age: a dump for its recipients, and in the clear again for whoever holds an identity.

Rules, in order: the machine that makes backups needs recipients only, which are public, so whoever takes it over reads
no older backup; both sides stream, whatever the size; a file that does not decrypt in full is damage, and a missing
identity is none. What this does not do: keep keys (`age-keygen` makes them), or encrypt what holds no rows.
"""

from __future__ import annotations

import hashlib
import importlib
from typing import TYPE_CHECKING, Any

from dbops.errors import ConfigurationError, DamageError, ProgramMissingError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from dbops.storage.stored import StoredBackup

NAME = "age"
SUFFIX = ".age"

_MAKE_KEYS = "age-keygen makes a pair; the recipient is the line that begins with age1"


def encrypt(plain: Path, encrypted: Path, recipients: Sequence[str]) -> tuple[str, int]:
    """Write `plain`, encrypted to `recipients`, into the existing file `encrypted`; return what `sha256_of(plain)` is.

    Raises ConfigurationError for a recipient that is none, UnavailableError where it cannot be written.
    """
    pyrage, keys = _pyrage(), parse_recipients(recipients)
    try:
        with plain.open("rb") as source, encrypted.open("wb") as sink:
            hashing = _Hashing(source)
            pyrage.encrypt_io(hashing, sink, keys)
    except (OSError, pyrage.EncryptError) as cause:
        raise UnavailableError(f"cannot encrypt into {encrypted}: {cause}", hint="free some space there") from cause
    return hashing.digest.hexdigest(), hashing.size


def parse_recipients(recipients: Sequence[str]) -> list[Any]:
    """Return the public keys that `recipients` spell. Raises ConfigurationError naming the one that is none."""
    pyrage = _pyrage()
    found = []
    for position, word in enumerate(recipients, start=1):
        kind = pyrage.ssh if word.startswith("ssh-") else pyrage.x25519
        try:
            found.append(kind.Recipient.from_str(word.strip()))
        except pyrage.RecipientError as cause:
            # An identity put here by mistake must not be shown.
            raise ConfigurationError(
                f"recipient {position} of backup.recipients is no public key of age or ssh: {cause}", hint=_MAKE_KEYS
            ) from None
    return found


def decrypt(encrypted: Path, plain: Path, identity: Path) -> tuple[str, int]:
    """Write what is in `encrypted` into the new file `plain` with the keys of `identity`; return its SHA-256 and size.

    Raises DamageError where the file is not whole, UnavailableError where the keys are not those it was made for.
    """
    pyrage, keys = _pyrage(), _identities(identity)
    with encrypted.open("rb") as source, plain.open("xb") as sink:
        hashing = _Hashing(sink)
        try:
            pyrage.decrypt_io(source, hashing, keys)
        except pyrage.DecryptError as cause:
            if "No matching keys" in str(cause):
                raise UnavailableError(
                    f"{encrypted.name} was not encrypted to any key of {identity}",
                    hint="name the identity of one of its recipients: backup.identity, or DBOPS_BACKUP_IDENTITY",
                ) from None
            raise DamageError(f"{encrypted.name} cannot be decrypted: {cause}") from cause
        except OSError as cause:
            if cause.errno:
                raise UnavailableError(f"cannot write {plain}: {cause.strerror}", hint="free some space") from cause
            raise DamageError(f"{encrypted.name} cannot be decrypted: it is not whole") from cause
    return hashing.digest.hexdigest(), hashing.size


def in_the_clear(stored: StoredBackup, directory: Path, identity: Path | None) -> Path:
    """Return what pg_restore is to read: the dump where it lies, or, where it is encrypted, its copy in `directory`.

    Raises UnavailableError without the identity it takes, DamageError where the copy is not what was dumped.
    """
    if not stored.encrypted:
        return stored.dump
    if identity is None:
        raise UnavailableError(
            f"backup {stored.manifest.id} is encrypted, and no identity is named to read it with",
            hint="name the file of one: identity in [backup] of dbops.toml, or DBOPS_BACKUP_IDENTITY",
        )
    clear = directory / f"{stored.manifest.id}.clear"
    if stored.manifest.artifact.format == "directory":
        clear.mkdir(mode=0o700)
    for recorded in stored.manifest.artifact.files:
        encrypted = stored.file(recorded)
        plain = clear / encrypted.name.removesuffix(SUFFIX) if clear.is_dir() else clear
        if decrypt(encrypted, plain, identity) != (recorded.plain_sha256, recorded.plain_bytes):
            raise DamageError(f"{encrypted.name} holds something else than what was dumped")
    return clear


def _identities(path: Path) -> list[Any]:
    """Return the secret keys in a file as age-keygen writes it, or in one of ssh."""
    pyrage = _pyrage()
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise UnavailableError(
            f"the identity {path} cannot be read: {cause.strerror}", hint="correct backup.identity"
        ) from cause
    try:
        if data.startswith(b"-----BEGIN"):
            return [pyrage.ssh.Identity.from_buffer(data)]
        lines = (line.strip() for line in data.decode("ascii").splitlines())
        return [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, UnicodeDecodeError):
        raise UnavailableError(f"{path} holds no identity of age or ssh", hint=_MAKE_KEYS) from None


def _pyrage() -> Any:
    try:
        return importlib.import_module("pyrage")
    except ImportError:
        raise ProgramMissingError(
            "encrypted backups take the package pyrage, which is not installed", hint="pip install 'dbops[age]'"
        ) from None


class _Hashing:
    """A file that is hashed while somebody reads or writes it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        return self._seen(self._file.read(size))

    def write(self, data: bytes) -> int:
        return self._file.write(self._seen(data))

    def flush(self) -> None:
        self._file.flush()

    def _seen(self, data: bytes) -> bytes:
        self.digest.update(data)
        self.size += len(data)
        return data
