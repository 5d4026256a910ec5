"""What the evidence log is made of: records, the lines that hold them, checkpoints and seals, as strict documents.

A line of the log is `{"signatures": […], "statement": {…}}` in canonical form. The statement is an in-toto statement
whose predicate is the record and whose subjects are the report and its artifacts. Unlike reports, none of this
tolerates a field it does not know: what a signature covers must mean one thing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

STATEMENT_TYPE: Literal["https://in-toto.io/Statement/v1"] = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Literal["urn:dbops:record:v1"] = "urn:dbops:record:v1"
PAYLOAD_TYPE: Literal["application/vnd.in-toto+json"] = "application/vnd.in-toto+json"
CHECKPOINT_TYPE: Literal["application/vnd.dbops.checkpoint+json"] = "application/vnd.dbops.checkpoint+json"
DIGEST_OF: Literal["RFC 8785 form of the report without its seal"] = "RFC 8785 form of the report without its seal"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
LogId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
RunId = Annotated[str, Field(pattern=r"^\d{8}T\d{6}Z-[0-9a-f]{6}$")]
Count = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """Base of everything a signature covers: exactly these keys, exactly these types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    def to_json(self) -> dict[str, Any]:
        """Return the wire form; a field that may be left out is left out when it is not set."""
        return self.model_dump(mode="json", by_alias=True)


class Record(Strict):
    """Where a record stands in its log, and when it was written."""

    log: LogId
    seq: Count
    prev: Digest
    at: Moment
    dbops: str


class LogOpened(Record):
    """The first record of a log."""

    type: Literal["log.opened"] = "log.opened"


class TornTail(Strict):
    """Bytes of an unfinished line, kept beside the log."""

    path: str
    sha256: Digest
    bytes: Count


class LogRepaired(Record):
    """An unfinished line was found at the end of the log and moved aside."""

    type: Literal["log.repaired"] = "log.repaired"
    torn: TornTail


class RunRecord(Record):
    """Something about one run; `report` is where its report is, or will be, below the log directory."""

    run_id: RunId
    command: str
    challenge: str | None
    report: str


class RunStarted(RunRecord):
    """A run is about to touch something."""

    type: Literal["run.started"] = "run.started"
    config_sha256: Digest | None


class Source(Strict):
    """The cluster and database a run was about."""

    system_identifier: str | None
    database: str


class RunFinished(RunRecord):
    """A run has ended, well or not, and its report is sealed."""

    type: Literal["run.finished"] = "run.finished"
    verdict: Literal["pass", "fail", "inconclusive"]
    exit_code: Count
    duration_ms: Count
    source: Source | None


class RunAborted(RunRecord):
    """A run was ended by a signal (its report is a subject), or was found dead by a later one (there is none)."""

    type: Literal["run.aborted"] = "run.aborted"
    verdict: Literal["pass", "fail", "inconclusive"] | None
    exit_code: Count | None
    reason: str


class PublicKey(Strict):
    """A raw Ed25519 public key in base64 and its keyid."""

    keyid: Digest
    public: str


class KeyRotated(Record):
    """From here on another key signs; this record is signed by both."""

    type: Literal["key.rotated"] = "key.rotated"
    retired: PublicKey
    new: PublicKey


AnyRecord = Annotated[
    LogOpened | LogRepaired | RunStarted | RunFinished | RunAborted | KeyRotated, Field(discriminator="type")
]


class Sha256(Strict):
    """A set of digests with one member."""

    sha256: Digest


class ReportAnnotation(Strict):
    """What was digested, where it is not the bytes of the file."""

    digest_of: Literal["RFC 8785 form of the report without its seal"] = DIGEST_OF


class Subject(Strict):
    """A file that a record vouches for, by its path below the log directory."""

    name: str
    digest: Sha256
    annotations: ReportAnnotation | None = Field(default=None, exclude_if=lambda value: value is None)


class Statement(Strict):
    """An in-toto statement, version 1."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(default=STATEMENT_TYPE, alias="_type")
    subject: list[Subject]
    predicate_type: Literal["urn:dbops:record:v1"] = PREDICATE_TYPE
    predicate: AnyRecord


class Signature(Strict):
    """A DSSE signature: standard base64, over the pre-authentication encoding of the payload."""

    keyid: Digest
    sig: str


class Line(Strict):
    """One line of the log."""

    signatures: list[Signature]
    statement: Statement


class Head(Strict):
    """Where a log stands: its id, how many records it has, and the SHA-256 of its last line's bytes."""

    log: LogId
    size: Annotated[int, Field(ge=1)]
    head: Digest
    at: Moment


class Checkpoint(Strict):
    """The signed head: copied out of the machine, it shows later that nothing was rolled back."""

    checkpoint: Head
    signatures: list[Signature]


class Envelope(Strict):
    """A DSSE envelope."""

    payload: str
    payload_type: Literal["application/vnd.in-toto+json"] = PAYLOAD_TYPE
    signatures: list[Signature]


class Seal(Strict):
    """What binds a report to its log; `note` says in plain words that nothing does when there is no key."""

    status: Literal["signed", "unsigned"]
    note: str | None = Field(default=None, exclude_if=lambda value: value is None)
    envelope: Envelope
    checkpoint: Checkpoint
