"""Ed25519 keys: who signs, and whose signatures count.

A private key is PKCS8 PEM with mode 0600, outside the log directory; a keyid is the SHA-256 of the raw public key,
always recomputed, never believed. `cryptography` is imported when a key is used, not before.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbops.errors import ConfigurationError
from dbops.files import secure_directory, write_new

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that DSSE signs: its pre-authentication encoding, version 1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def keyid_of(raw_public: bytes) -> str:
    """Return the keyid of a raw 32-byte public key."""
    return hashlib.sha256(raw_public).hexdigest()


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key in use; its repr shows only the keyid."""

    keyid: str
    public: bytes
    _key: Ed25519PrivateKey = field(repr=False)

    def sign(self, payload_type: str, payload: bytes) -> dict[str, str]:
        """Return one DSSE signature over a payload."""
        signature = self._key.sign(pae(payload_type, payload))
        return {"keyid": self.keyid, "sig": base64.b64encode(signature).decode()}


@dataclass(frozen=True, slots=True)
class Trust:
    """The public keys whose signatures count, by keyid."""

    keys: Mapping[str, Ed25519PublicKey]

    def __bool__(self) -> bool:
        return bool(self.keys)

    def verifies(self, keyid: str, signature: str, payload_type: str, payload: bytes) -> bool:
        """Tell whether a base64 signature over a payload is by the trusted key `keyid`."""
        from cryptography.exceptions import InvalidSignature

        key = self.keys.get(keyid)
        raw = strict_base64(signature)
        if key is None or raw is None:
            return False
        try:
            key.verify(raw, pae(payload_type, payload))
        except InvalidSignature:
            return False
        return True

    def without(self, keyid: str) -> Trust:
        """Return this trust with one key less."""
        return Trust({known: key for known, key in self.keys.items() if known != keyid})

    def and_keys(self, other: Trust) -> Trust:
        """Return this trust with the keys of another."""
        return Trust({**self.keys, **other.keys})

    def and_key(self, raw_public: bytes) -> Trust:
        """Return this trust with one more key, 32 bytes; ValueError when they are no key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        return Trust({**self.keys, keyid_of(raw_public): Ed25519PublicKey.from_public_bytes(raw_public)})


NO_TRUST = Trust({})


def strict_base64(text: str) -> bytes | None:
    """Decode standard base64; None for any other spelling, such as set padding bits, spaces or missing padding."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def generate(path: Path) -> Signer:
    """Create a key pair: the private key at `path` (0600, must not exist), the public one beside it as `.pub`."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if os.path.lexists(path):
        raise ConfigurationError(
            f"{path} exists: a key is never overwritten",
            hint="dbops evidence rotate replaces it and keeps the proof; openssl pkey -pubout shows its public half",
        )
    secure_directory(path.parent.absolute(), error=ConfigurationError)
    key = Ed25519PrivateKey.generate()
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_new(path, encoded, 0o600, error=ConfigurationError)
    signer = _signer(key)
    write_public(signer, public_path(path))
    return signer


def temporary() -> Signer:
    """Return a key that is on no disk: what it signed can be verified for ever, and nothing can be added to it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return _signer(Ed25519PrivateKey.generate())


def public_path(path: Path) -> Path:
    """Return where the public key of the private key at `path` is kept."""
    return path.with_name(path.name + ".pub")


def public_pem(signer: Signer) -> bytes:
    """Return the public key as PEM, the form `--trust` and `openssl` read."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(signer.public).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def write_public(signer: Signer, path: Path) -> None:
    """Write the public key to a new file that everybody may read."""
    write_new(path, public_pem(signer), 0o644, error=ConfigurationError)


def load_signer(path: Path) -> Signer:
    """Read the private key at `path`; ConfigurationError when it is missing, readable by others, or no Ed25519 key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            encoded = file.read(1 << 16)
    except OSError as cause:
        raise ConfigurationError(
            f"cannot read the evidence key {path}: {cause.strerror}", hint="dbops evidence keygen makes one"
        ) from cause
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"the evidence key {path} can be read by others than its owner", hint=f"chmod 600 {path}"
        )
    try:
        key = load_pem_private_key(encoded, password=None)
    except (ValueError, TypeError) as cause:
        raise ConfigurationError(f"{path} holds no unencrypted PKCS8 private key") from cause
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{path} is not an Ed25519 key", hint="dbops evidence keygen makes one")
    return _signer(key)


def default_key_path() -> Path:
    """Return where the key is when nobody says otherwise: in the user's configuration directory."""
    import platformdirs

    try:
        return platformdirs.user_config_path("dbops") / "evidence.pem"
    except RuntimeError:  # a uid without a passwd entry and without HOME, as containers hand out
        raise ConfigurationError(
            "there is no home directory to keep an evidence key in",
            hint="name a file: [evidence] key in dbops.toml, or DBOPS_EVIDENCE_KEY_FILE",
        ) from None


def find_signer(configured: Path | None, log_dir: Path) -> Signer | None:
    """Return the key to sign with: the configured one, else the user's own if there is one, else None.

    ConfigurationError for a key that cannot be used, or that lies where the evidence does.
    """
    path = configured or _own_key()
    if path is None:
        return None
    refuse_below(log_dir, path)
    return load_signer(path)


def _own_key() -> Path | None:
    """Return the key nobody asked for; in a home that this user may not enter, or does not have, there is none."""
    with contextlib.suppress(PermissionError, ConfigurationError):
        path = default_key_path()
        return path if path.exists() else None
    return None


def refuse_below(log_dir: Path, key_path: Path) -> None:
    """Raise ConfigurationError for a key below the log directory: whoever is handed the logs would get the key."""
    if key_path.resolve().is_relative_to(log_dir.resolve()):
        raise ConfigurationError(
            f"the evidence key {key_path} lies below the log directory {log_dir}",
            hint="move it elsewhere, and say where: [evidence] key in dbops.toml, or DBOPS_EVIDENCE_KEY_FILE",
        )


def load_trust(*paths: Path) -> Trust:
    """Read the PEM public keys of the files at `paths`; ConfigurationError when one holds none or another kind."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys: dict[str, Ed25519PublicKey] = {}
    for path in paths:
        for block in _pem_blocks(path):
            try:
                key = load_pem_public_key(block)
            except ValueError as cause:
                raise ConfigurationError(f"{path} holds something that is no public key") from cause
            if not isinstance(key, Ed25519PublicKey):
                raise ConfigurationError(f"{path} holds a key that is not Ed25519")
            keys[keyid_of(key.public_bytes_raw())] = key
    return Trust(keys)


_END = b"-----END PUBLIC KEY-----"


def _pem_blocks(path: Path) -> list[bytes]:
    try:
        text = path.read_bytes()
    except OSError as cause:
        raise ConfigurationError(f"cannot read the trusted keys {path}: {cause.strerror}") from cause
    blocks = [block + _END + b"\n" for block in text.split(_END)[:-1]]
    if not blocks:
        raise ConfigurationError(f"{path} holds no PEM public key", hint="it is the .pub file beside the evidence key")
    return blocks


def _signer(key: Ed25519PrivateKey) -> Signer:
    raw = key.public_key().public_bytes_raw()
    return Signer(keyid_of(raw), raw, key)
