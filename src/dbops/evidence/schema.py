"""JSON Schemas of everything dbops keeps, by the name of their page below `docs/schema/`; all come from the models.

A field of a report or manifest that has a default is optional: readers must take reports that are older than the
field. Records and checkpoints are closed: exactly these keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbops.evidence.records import Checkpoint, Line, Seal
from dbops.model import BackupManifest, Report

if TYPE_CHECKING:
    from pydantic import BaseModel

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: dict[str, type[BaseModel]] = {
    "report-v1": Report,
    "backup-v1": BackupManifest,
    "seal-v1": Seal,
    "record-v1": Line,
    "checkpoint-v1": Checkpoint,
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return name → JSON Schema of the report, its seal, the backup manifest, a line of the log and the checkpoint."""
    return {name: _schema(name, model) for name, model in _MODELS.items()}


def _schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    generated = model.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": _DRAFT, **generated, "title": f"dbops/{name.replace('-', '/')}"}
