"""From a record to the line of the log, the checkpoint and the seal of a report: values in, values out.

What is signed is the DSSE encoding of the canonical statement, so the seal of a report carries the very signature of
its line in a standard DSSE envelope. Without a key the list of signatures is empty, and the seal says so in plain
words. No file is touched here.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
from typing import TYPE_CHECKING, Any

from dbops.evidence.canonical import encoded
from dbops.evidence.records import (
    CHECKPOINT_TYPE,
    PAYLOAD_TYPE,
    Checkpoint,
    Envelope,
    Head,
    Line,
    ReportAnnotation,
    Seal,
    Sha256,
    Signature,
    Statement,
    Subject,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbops.evidence.keys import Signer

UNSIGNED = (
    "No signing key was configured, so whoever can write to the log directory can alter this report and its log unseen."
    " `dbops evidence keygen` makes a key."
)


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(data).hexdigest()


# What stands as `prev` in the first record: the digest of no bytes at all.
NOTHING_BEFORE = sha256(b"")


def subjects_of(body: Mapping[str, Any], name: str) -> list[Subject]:
    """Return what the record of a run vouches for: the report `name` without its seal, then every artifact it lists.

    Names are paths below the log directory; those of artifacts are kept in the report relative to the report itself.
    """
    folder = posixpath.dirname(name)
    digest = Sha256(sha256=sha256(encoded(body)))
    subjects = [Subject(name=name, digest=digest, annotations=ReportAnnotation())]
    for artifact in body["artifacts"]:
        below = posixpath.normpath(posixpath.join(folder, artifact["path"]))
        subjects.append(Subject(name=below, digest=Sha256(sha256=artifact["sha256"])))
    return subjects


def sign_statement(statement: Statement, signers: Sequence[Signer]) -> Line:
    """Return the line that holds a statement, signed by each of `signers`, which may be none."""
    payload = encoded(statement.to_json())
    return Line(signatures=[Signature(**signer.sign(PAYLOAD_TYPE, payload)) for signer in signers], statement=statement)


def sign_head(head: Head, signers: Sequence[Signer]) -> Checkpoint:
    """Return the checkpoint for a head."""
    payload = encoded(head.to_json())
    return Checkpoint(
        checkpoint=head, signatures=[Signature(**signer.sign(CHECKPOINT_TYPE, payload)) for signer in signers]
    )


def line_bytes(line: Line) -> bytes:
    """Return the bytes of a line, without its newline; what the next record's `prev` is the digest of."""
    return encoded(line.to_json())


def joined_line(signatures: Sequence[Signature], payload: bytes) -> bytes:
    """Return the bytes of the line that a statement in canonical form makes with its signatures."""
    return b'{"signatures":%b,"statement":%b}' % (encoded([signature.to_json() for signature in signatures]), payload)


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of a checkpoint file."""
    return encoded(checkpoint.to_json()) + b"\n"


def seal_of(line: Line, checkpoint: Checkpoint) -> Seal:
    """Return the seal of the report that a line is about, with the checkpoint of that moment."""
    payload = base64.b64encode(encoded(line.statement.to_json())).decode()
    return Seal(
        status="signed" if line.signatures else "unsigned",
        note=None if line.signatures else UNSIGNED,
        envelope=Envelope(payload=payload, signatures=line.signatures),
        checkpoint=checkpoint,
    )
