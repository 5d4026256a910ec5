"""JSON Schemas of everything dbops keeps, by the name of their file below `docs/schema/`.

Reports and manifests come from the models; what a record of the evidence log holds is written down here. A field with
a default is optional: readers of history must take reports that are older than the field.
"""

from __future__ import annotations

from typing import Any

from dbops.evidence.seal import DIGEST_OF, PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, RecordType
from dbops.model import BackupManifest, Report

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_COUNT_OR_NULL = {"type": ["integer", "null"]}


def schemas() -> dict[str, dict[str, Any]]:
    """Return file name → JSON Schema for the report, the backup manifest, a line of the log and the checkpoint."""
    return {
        "report-v1.schema.json": _of("dbops/report/v1", _model(Report)),
        "backup-v1.schema.json": _of("dbops/backup/v1", _model(BackupManifest)),
        "record-v1.schema.json": _of("dbops/record/v1", _line()),
        "checkpoint-v1.schema.json": _of("dbops/checkpoint/v1", _checkpoint()),
    }


def _model(model: type[Report | BackupManifest]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True, mode="validation")


def _of(title: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "$schema": _DRAFT, "title": title}


def _closed(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return an object with exactly these keys."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def _signatures() -> dict[str, Any]:
    return {"type": "array", "items": _closed({"keyid": _DIGEST, "sig": _TEXT})}


def _checkpoint() -> dict[str, Any]:
    head = _closed({"log": _TEXT, "size": {"type": "integer", "minimum": 1}, "head": _DIGEST, "at": _TEXT})
    return _closed({"checkpoint": head, "signatures": _signatures()})


def _line() -> dict[str, Any]:
    subject = _closed(
        {
            "name": _TEXT,
            "digest": _closed({"sha256": _DIGEST}),
            "annotations": _closed({"digestOf": {"const": DIGEST_OF}}),
        },
        optional=("annotations",),
    )
    statement = _closed(
        {
            "_type": {"const": STATEMENT_TYPE},
            "subject": {"type": "array", "items": subject},
            "predicateType": {"const": PREDICATE_TYPE},
            "predicate": {"oneOf": [_record(kind, fields) for kind, fields in _FIELDS.items()]},
        }
    )
    described = f"One line of logs/evidence/log.jsonl; signed as DSSE with payload type {PAYLOAD_TYPE}."
    return {"description": described, **_closed({"signatures": _signatures(), "statement": statement})}


def _record(kind: RecordType, fields: dict[str, Any]) -> dict[str, Any]:
    common = {
        "log": _TEXT,
        "seq": {"type": "integer", "minimum": 0},
        "prev": _DIGEST,
        "type": {"const": kind.value},
        "at": _TEXT,
        "dbops": _TEXT,
    }
    return _closed({**common, **fields})


_RUN = {"runId": _TEXT, "command": _TEXT, "challenge": _TEXT_OR_NULL, "report": _TEXT_OR_NULL}
_OUTCOME = {"verdict": _TEXT_OR_NULL, "exitCode": _COUNT_OR_NULL}
_SOURCE = {"anyOf": [_closed({"systemIdentifier": _TEXT_OR_NULL, "database": _TEXT}), {"type": "null"}]}
_FIELDS: dict[RecordType, dict[str, Any]] = {
    RecordType.OPENED: {},
    RecordType.REPAIRED: {"torn": _closed({"path": _TEXT, "sha256": _DIGEST, "bytes": {"type": "integer"}})},
    RecordType.STARTED: {**_RUN, "configSha256": _TEXT_OR_NULL},
    RecordType.FINISHED: {**_RUN, **_OUTCOME, "durationMs": {"type": "integer"}, "source": _SOURCE},
    RecordType.ABORTED: {**_RUN, **_OUTCOME, "reason": _TEXT},
    RecordType.ROTATED: {"retiredKey": _DIGEST, "newKey": _DIGEST, "newPublicKey": _TEXT},
}
