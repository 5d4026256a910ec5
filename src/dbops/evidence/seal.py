"""What a record, a checkpoint and a seal look like: values in, bytes out, no file is touched here.

A line of the log is `{"signatures": […], "statement": {…}}` in canonical form. The statement is an in-toto statement
whose predicate is the record (`seq`, `prev`, `type`, …) and whose subjects are the report and its artifacts. What is
signed is the DSSE encoding of the canonical statement, so the seal of a report can carry the very same signature in
a standard DSSE envelope. Without a key the list of signatures is empty and the seal says so in plain words.
"""

from __future__ import annotations

import base64
import enum
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbops.evidence.canonical import canonical
from dbops.model import rfc3339

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from dbops.evidence.keys import Signer

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:dbops:record:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
CHECKPOINT_TYPE = "application/vnd.dbops.checkpoint+json"
DIGEST_OF = "RFC 8785 form of the report without its seal"
UNSIGNED = (
    "No signing key was configured, so whoever can write to the log directory can alter this report and its log unseen."
    " `dbops evidence keygen` makes a key."
)


class RecordType(enum.StrEnum):
    """What a record of the log says happened."""

    OPENED = "log.opened"
    REPAIRED = "log.repaired"
    STARTED = "run.started"
    FINISHED = "run.finished"
    ABORTED = "run.aborted"
    ROTATED = "key.rotated"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: its id, how many records it has, and the SHA-256 of the last line's bytes."""

    log: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A file a record vouches for: its path below the log directory and its SHA-256."""

    name: str
    sha256: str
    digest_of: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the in-toto resource descriptor."""
        described: dict[str, Any] = {"name": self.name, "digest": {"sha256": self.sha256}}
        if self.digest_of:
            described["annotations"] = {"digestOf": self.digest_of}
        return described


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(data).hexdigest()


# What stands as `prev` in the first record: the digest of no bytes at all.
NOTHING_BEFORE = sha256(b"")


def statement_of(record: Mapping[str, Any], subjects: Sequence[Subject]) -> dict[str, Any]:
    """Return the in-toto statement that says `record` about `subjects`."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [subject.to_json() for subject in subjects],
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(record),
    }


def line_of(statement: Mapping[str, Any], signers: Sequence[Signer]) -> bytes:
    """Return the line of the log, without its newline, that holds a statement."""
    payload = canonical(statement)
    signatures = [signer.sign(PAYLOAD_TYPE, payload) for signer in signers]
    return canonical({"signatures": signatures, "statement": statement})


def checkpoint_of(head: Head, at: dt.datetime, signers: Sequence[Signer]) -> dict[str, Any]:
    """Return the signed head: what to copy out of the machine, to show later that nothing was rolled back."""
    payload = {"log": head.log, "size": head.size, "head": head.sha256, "at": rfc3339(at)}
    signatures = [signer.sign(CHECKPOINT_TYPE, canonical(payload)) for signer in signers]
    return {"checkpoint": payload, "signatures": signatures}


def seal_of(
    statement: Mapping[str, Any], signatures: Sequence[Mapping[str, str]], checkpoint: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the seal of the report a record is about: the DSSE envelope and the checkpoint of that moment."""
    seal: dict[str, Any] = {"status": "signed"} if signatures else {"status": "unsigned", "note": UNSIGNED}
    seal["envelope"] = {
        "payload": base64.b64encode(canonical(statement)).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [dict(signature) for signature in signatures],
    }
    seal["checkpoint"] = dict(checkpoint)
    return seal
