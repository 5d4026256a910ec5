"""Replace the signing key, on record: one record signed by both keys, so that trust in either reaches the other.

Rules, in order: no run is going on, since it would end with a signature of the retired key; the new key is on disk
before the log names it; the log names it before it takes the old one's place. A rotation that was cut short is
completed by rotating again. The retired key stays beside the new one: whether to destroy it is for people to decide.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dbops.errors import ConfigurationError, LockedError
from dbops.evidence.keys import generate, load_signer, public_path, public_pem
from dbops.evidence.liveness import recover, running
from dbops.evidence.log import EvidenceLog
from dbops.evidence.records import KeyRotated, PublicKey
from dbops.files import keeping, sync_directory, write_atomically, write_new
from dbops.model import utc_now

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.evidence.keys import Signer


@dataclass(frozen=True, slots=True)
class Rotation:
    """Which key signs from now on, which one did before, and where that one is kept."""

    retired: str
    new: str
    public: Path
    kept: Path


def rotate(key_path: Path, log_dir: Path) -> Rotation:
    """Retire the key at `key_path` for a new one there; LockedError while a run is going on below `log_dir`."""
    retired = load_signer(key_path)
    waiting = key_path.with_name(key_path.name + ".new")
    new = load_signer(waiting) if waiting.exists() else generate(waiting)
    log = EvidenceLog(log_dir, retired, utc_now)
    log.create()
    with keeping(log_dir), log.exclusive() as opened:
        if not opened.names_key(new.keyid):  # else only the files are left to be put in their places
            recover(opened, log_dir)
            if running(log_dir):
                raise LockedError(
                    f"a run is going on below {log_dir}: it would end with a signature of the retired key",
                    hint="wait until it has finished, then rotate",
                )
            record = partial(KeyRotated, retired=_public(retired), new=_public(new))
            opened.commit(opened.prepare(record, new_key=new))
    kept = key_path.with_name(f"{key_path.name}.retired-{retired.keyid[:16]}")
    with keeping(key_path, error=ConfigurationError):
        _keep(key_path, kept)
        write_atomically(public_path(kept), public_pem(retired), 0o644, error=ConfigurationError)
        write_atomically(public_path(key_path), public_pem(new), 0o644, error=ConfigurationError)
        # One rename: there is no moment without a key, and from it on the new one signs.
        os.replace(waiting, key_path)  # noqa: PTH105  (as everywhere: faults are injected at os)
        public_path(waiting).unlink(missing_ok=True)
        sync_directory(key_path.parent)
    return Rotation(retired.keyid, new.keyid, public_path(key_path), kept)


def _keep(key_path: Path, kept: Path) -> None:
    """Put the retired key under its own name, unless a rotation that was cut short has done so."""
    if not kept.exists():
        write_new(kept, key_path.read_bytes(), error=ConfigurationError)


def _public(signer: Signer) -> PublicKey:
    return PublicKey(keyid=signer.keyid, public=base64.b64encode(signer.public).decode())
