"""A catalog in a file: everything an audit had read, so that the same rules can be run again where the server is not.

The file holds names, definitions and statistics of the database, and no row of it; it is written for its owner alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dbops.checks.catalog.snapshot import Catalog
from dbops.errors import UsageError
from dbops.files import write_atomically
from dbops.model import TargetInfo, rfc3339

if TYPE_CHECKING:
    from pathlib import Path

# What a target is called that is not the database itself.
KIND = "saved catalog"
_HINT = "name a file that dbops audit --save-catalog has written"


@dataclass(frozen=True, slots=True)
class SavedCatalog:
    """A catalog out of a file: of which database, saved when, and the digest of the file."""

    catalog: Catalog
    target: TargetInfo
    saved_at: dt.datetime
    sha256: str


def save_catalog(path: Path, catalog: Catalog, target: TargetInfo, now: dt.datetime) -> None:
    """Write a catalog to a file; EvidenceNotKeptError where that is not possible."""
    document = catalog.to_json() | {"target": target.to_json(), "savedAt": rfc3339(now)}
    write_atomically(path.absolute(), json.dumps(document, separators=(",", ":")).encode() + b"\n")


def load_catalog(path: Path) -> SavedCatalog:
    """Return what `save_catalog` wrote; UsageError where it is something else, or of another version of dbops."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--catalog {path} cannot be read: {error.strerror}", hint=_HINT) from error
    try:
        document: Any = json.loads(data)
        if not isinstance(document, dict):
            raise UsageError(f"--catalog {path} is not a saved catalog", hint=_HINT)
        target = TargetInfo.model_validate(document.get("target"))
        saved_at = dt.datetime.fromisoformat(document["savedAt"])
        catalog = Catalog.from_json(document)
    except (ValueError, ValidationError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"--catalog {path} is not a saved catalog", hint=_HINT) from error
    return SavedCatalog(catalog, target, saved_at, hashlib.sha256(data).hexdigest())
