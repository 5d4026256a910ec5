"""The nouns an operator says aloud, as the documents dbops writes: report, finding, backup manifest.

Version 1 of each; JSON Schemas in `docs/schema/` are generated from here. Within a version fields are only added, and
optional; readers ignore fields they do not know. Integers only (milliseconds, bytes); times are UTC. No I/O here.
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

# The alias says that Severity is part of what this module offers; it lives apart only to load fast.
from dbops.severity import Severity as Severity  # noqa: PLC0414

REPORT_SCHEMA: Literal["dbops/report/v1"] = "dbops/report/v1"
BACKUP_SCHEMA: Literal["dbops/backup/v1"] = "dbops/backup/v1"


def rfc3339(moment: dt.datetime) -> str:
    """Return a moment as RFC 3339 in UTC with milliseconds and a trailing Z."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_now() -> dt.datetime:
    """Return the present moment, cut to the milliseconds that a document keeps, so that it survives a round trip."""
    moment = dt.datetime.now(dt.UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Timestamp = Annotated[dt.datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]


def _wire_name(name: str) -> str:
    """Return the JSON name of a field; `schema_` (pydantic owns the bare name) is `schema` on the wire."""
    return to_camel(name.rstrip("_"))


class Document(BaseModel):
    """Base of all kept documents: immutable, camelCase on the wire, unknown fields ignored when read back."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=_wire_name,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    def to_json(self) -> dict[str, Any]:
        """Return the wire form: JSON types, camelCase names, every field present."""
        return self.model_dump(mode="json", by_alias=True)


class Verdict(enum.StrEnum):
    """The one answer of a run or a step."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class CheckStatus(enum.StrEnum):
    """How one check ended; `skip` and `error` always carry a reason."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SKIP = "skip"
    ERROR = "error"


class ObjectiveStatus(enum.StrEnum):
    """Whether a recovery objective was reached; `not measured` is an answer, never a pass."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


class Location(Document):
    """A line in a file of the user's, 1-based."""

    file: str
    line: int = 1


class Waiver(Document):
    """Why a finding is accepted, by whom and until when."""

    reason: str
    owner: str
    expires: dt.date


class Finding(Document):
    """One thing that is wrong, with the SQL to look at it, mend it and undo the mending.

    `object` is the canonical quoted name; `fingerprint` survives renames and size changes. `expectation` is the id of
    the declaration that is not met, where it is about one. `baseline` is the run that had found it already, where the
    audit was told to fail on what is new since then.
    """

    rule: str
    severity: Severity
    object: str
    detail: str
    why: str
    verify: str | None = None
    fix: str | None = None
    undo: str | None = None
    locks: str | None = None
    waived: Waiver | None = None
    location: Location | None = None
    fingerprint: str
    expectation: str | None = None
    baseline: str | None = None

    @property
    def stands(self) -> bool:
        """Whether it can fail a run: nobody has accepted it, by a waiver or by a baseline."""
        return self.waived is None and self.baseline is None


class Scope(Document):
    """How much of what there is was looked at: `checked` of `total`."""

    checked: int
    total: int


class Check(Document):
    """The result of one check: a rule of the audit, or a rung of a drill's verify ladder."""

    check: str
    status: CheckStatus
    title: str = ""
    reason: str | None = None
    remedy: str | None = None
    method: str | None = None
    scope: Scope | None = None
    duration_ms: int = 0
    findings: tuple[Finding, ...] = ()


class Step(Document):
    """A program or a phase, timed on the monotonic clock."""

    name: str
    status: Verdict
    started_at: Timestamp
    duration_ms: int
    exit_code: int | None = None
    output: str | None = None


class Machine(Document):
    """What a recovery time was measured on; None for what could not be told."""

    cpus: int | None = None
    memory_bytes: int | None = None
    file_system: str | None = None
    disk: str | None = None


class RecoveryHistory(Document):
    """The recovery times of drills that passed, this one included; `trend_ms` is what each adds to the one before."""

    drills: int
    p50_ms: int
    p95_ms: int
    trend_ms: int | None = None


class Objective(Document):
    """One recovery objective in one scenario: value, bound, method and inputs, all in milliseconds.

    Where a recovery was timed: the size of what came back, how much of it a second, on what, and what it took before.
    """

    id: Literal["rto", "rpo"]
    scenario: str
    status: ObjectiveStatus
    value_ms: int | None = None
    limit_ms: int
    now_ms: int | None = None
    worst_ms: int | None = None
    bound_ms: int | None = None
    method: str
    inputs: dict[str, int | str | None] = {}
    bytes: int | None = None
    bytes_per_second: int | None = None
    machine: Machine | None = None
    history: RecoveryHistory | None = None


class Artifact(Document):
    """A file that belongs to the run, by path relative to the report, digest and size."""

    path: str
    sha256: str
    bytes: int


class Tool(Document):
    """A program that was run, or dbops itself."""

    name: str
    version: str
    sha256: str | None = None


class TargetInfo(Document):
    """The database that was looked at; holds no secret.

    Kind "backup": what a backup says of its source; nobody connected, so there is no host.
    """

    kind: str = "postgresql"
    host: str
    port: int
    database: str
    user: str
    server_version: str | None = None
    system_identifier: str | None = None
    timeline: int | None = None
    tls: str | None = None

    @property
    def address(self) -> str:
        """Where it is, in one line."""
        if self.kind == "backup":
            return f"{self.database}, by its backup"
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


class Problem(Document):
    """Why a run could not be carried out, and what to type next."""

    message: str
    hint: str | None = None


class Changes(Document):
    """What differs from the previous run on the same database, by fingerprint."""

    since: str
    new: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    unchanged: int = 0


class Report(Document):
    """One run: the only thing `--json` prints, and what is kept under the log directory."""

    schema_: Literal["dbops/report/v1"] = REPORT_SCHEMA
    command: str
    run_id: str
    verdict: Verdict
    exit_code: int
    started_at: Timestamp
    finished_at: Timestamp
    duration_ms: int
    host: str
    target: TargetInfo | None = None
    tools: tuple[Tool, ...] = ()
    config_sha256: str | None = None
    fail_on: Severity = Severity.ERROR
    strict: bool = False
    steps: tuple[Step, ...] = ()
    checks: tuple[Check, ...] = ()
    restorability: Verdict | None = None
    objectives: tuple[Objective, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    not_tested: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: Problem | None = None
    reports: tuple[Report, ...] = ()
    changes: Changes | None = None
    seal: dict[str, Any] | None = None


class Progress(Protocol):
    """What an operation tells about its progress; drawn by `render/progress.py`, or by nobody."""

    def start(self, task: str, total: int | None = None, unit: str = "") -> None:
        """Begin `task`; `total` in `unit` ("bytes", "tables") when known."""

    def advance(self, amount: int) -> None:
        """Move the running task on by `amount` units."""

    def finish(self) -> None:
        """End the running task."""


class SourceInfo(Document):
    """The cluster and database a backup was taken from."""

    system_identifier: str
    timeline: int
    lsn: str
    database: str
    version: str
    encoding: str
    locale: str
    provider: str
    collation_version: str | None = None


class BackupFile(Document):
    """One file of a backup, by path relative to its manifest; `plain_…` is what an encrypted one holds."""

    path: str
    bytes: int
    sha256: str
    plain_bytes: int | None = None
    plain_sha256: str | None = None


class BackupArtifact(Document):
    """The dump itself."""

    files: tuple[BackupFile, ...]
    format: Literal["custom", "directory"]
    codec: str
    encryption: str | None = None


class TableCount(Document):
    """What one table held in the snapshot; `digest` is None where only rows were counted."""

    schema_: str
    name: str
    rows: int | None
    digest: str | None = None
    method: str
    scope: Scope | None = None


class SequenceState(Document):
    """Where a sequence stood before the dump; `moved_to` is where it stood after it, when it had moved meanwhile."""

    schema_: str
    name: str
    last_value: int | None
    is_called: bool
    moved_to: int | None = None


class ExtensionInfo(Document):
    """An installed extension."""

    name: str
    schema_: str
    version: str


class BackupManifest(Document):
    """A published backup, written last: a backup exists iff its manifest exists and matches."""

    schema_: Literal["dbops/backup/v1"] = BACKUP_SCHEMA
    id: str
    snapshot_at: Timestamp
    published_at: Timestamp
    source: SourceInfo
    artifact: BackupArtifact
    listing: BackupFile | None = None
    tools: tuple[Tool, ...] = ()
    tables: tuple[TableCount, ...] = ()
    sequences: tuple[SequenceState, ...] = ()
    large_objects: int = 0
    large_object_digest: str | None = None
    materialized_views: tuple[TableCount, ...] = ()
    extensions: tuple[ExtensionInfo, ...] = ()
    roles: BackupFile | None = None
    inventory: BackupFile | None = None
    settings: dict[str, str] = {}
