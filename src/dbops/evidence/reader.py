"""Bytes to strict documents, and nothing but the bytes that dbops itself would have written.

Rules, in order: not larger than anything dbops writes; canonical; exactly the known keys and types. What does not pass
is a BrokenProofError, whose message says which rule, never a traceback of the parser.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from dbops.evidence.canonical import NotCanonicalError, encoded, read_strict
from dbops.evidence.records import Checkpoint, Line, Seal, Statement, Strict

# A line names every artifact of a run; ten thousand of them still fit. The reader never holds more than one line.
LONGEST_LINE = 4 << 20

_Kind = TypeVar("_Kind", bound=Strict)


class BrokenProofError(ValueError):
    """Evidence that is not what dbops writes; the message says what is wrong with it."""


def read_line(data: bytes) -> Line:
    """Return the line of the log that `data`, without its newline, is."""
    return _read(Line, data)


def signed_part(data: bytes) -> bytes:
    """Return the statement within the bytes of a line that has been read: in canonical form it stands last."""
    return data[data.index(b'"statement":') + len(b'"statement":') : -1]


def read_checkpoint(data: bytes) -> Checkpoint:
    """Return the checkpoint that the bytes of a file, one newline at its end, are."""
    if not data.endswith(b"\n"):
        raise BrokenProofError("it does not end with a newline")
    return _read(Checkpoint, data[:-1])


def read_statement(data: bytes) -> Statement:
    """Return the statement that the payload of an envelope is."""
    return _read(Statement, data)


def as_seal(value: Any) -> Seal:
    """Return the seal of a report that has been read as JSON."""
    seal = _as(Seal, value)
    if seal.to_json() != value:
        raise BrokenProofError("the seal leaves out what it has to say")
    return seal


def _read(kind: type[_Kind], data: bytes) -> _Kind:
    if len(data) > LONGEST_LINE:
        raise BrokenProofError(f"it is longer than {LONGEST_LINE} bytes")
    try:
        document = _as(kind, read_strict(data))
        if encoded(document.to_json()) != data:
            raise BrokenProofError("it is not in canonical form")
    except NotCanonicalError as cause:
        raise BrokenProofError(str(cause)) from None
    return document


def _as(kind: type[_Kind], value: Any) -> _Kind:
    try:
        document = kind.model_validate(value)
    except ValidationError as cause:
        where = ".".join(str(part) for part in cause.errors(include_input=False)[0]["loc"])
        raise BrokenProofError(f"{where or 'the document'}: {cause.errors(include_input=False)[0]['msg']}") from None
    return document
