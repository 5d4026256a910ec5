"""Backups that no retention may remove, with the reason: a file beside the manifest while the hold lasts.

A hold that cannot be read still holds. What this does not do: keep anybody from removing files by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from dbops.errors import UnavailableError
from dbops.files import sync_directory, write_atomically
from dbops.model import Document, Timestamp
from dbops.storage.stored import HOLD

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.storage.stored import StoredBackup

SCHEMA: Literal["dbops/backup-hold/v1"] = "dbops/backup-hold/v1"
_UNREADABLE = "for a reason that cannot be read"


class Hold(Document):
    """Why a backup is kept, since when, and by which run that was recorded."""

    schema_: Literal["dbops/backup-hold/v1"] = SCHEMA
    at: Timestamp
    run_id: str
    reason: str


def hold(stored: StoredBackup, wanted: Hold) -> None:
    """Keep a backup until it is released; a second hold takes the place of the first. Raises UnavailableError."""
    write_atomically(_path(stored), wanted.model_dump_json(by_alias=True).encode() + b"\n", error=UnavailableError)


def release(stored: StoredBackup) -> bool:
    """Give a backup back to retention; False when it was not held. Raises UnavailableError."""
    try:
        _path(stored).unlink()
        sync_directory(stored.path.parent)
    except FileNotFoundError:
        return False
    except OSError as cause:
        raise UnavailableError(f"cannot remove {_path(stored)}: {cause.strerror}") from cause
    return True


def held(stored: StoredBackup) -> str | None:
    """Return why a backup is held, None when it is not."""
    try:
        return Hold.model_validate_json(_path(stored).read_bytes()).reason
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        return _UNREADABLE


def _path(stored: StoredBackup) -> Path:
    return stored.beside(HOLD)
