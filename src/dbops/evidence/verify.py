"""What can be told from evidence: functions of bytes and of the keys one trusts; files are read by `examine.py`.

Rules for a log, in order: every line is exactly what dbops writes; it stands where it says, after the line whose digest
it names, in the same log; it is signed by a key that counts at that place; once a log is signed, it stays signed. A key
that was rotated out counts no more; one that was rotated in is vouched for by the key before it, and, for a reader who
only knows the newest key, the other way round.
Rules for a report: spelled as written; its seal's statement is about it and its artifacts; the seal is the line of the
log, with the checkpoint of that moment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbops.evidence.canonical import NotCanonicalError, encoded, read_readable
from dbops.evidence.keys import keyid_of, strict_base64
from dbops.evidence.reader import BrokenProofError, as_seal, read_line, read_statement, signed_part
from dbops.evidence.records import (
    CHECKPOINT_TYPE,
    PAYLOAD_TYPE,
    Checkpoint,
    KeyRotated,
    Line,
    PublicKey,
    RunAborted,
    RunFinished,
    RunStarted,
    Seal,
    Statement,
)
from dbops.evidence.seal import NOTHING_BEFORE, UNSIGNED, joined_line, sha256, subjects_of
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbops.evidence.keys import Trust
    from dbops.evidence.records import AnyRecord, Signature


@dataclass(slots=True)
class Chain:
    """A log as it is read, line by line: where it stands, and what is wrong with it so far.

    `broken` is about completeness and order, `forged` about signatures; both hold sentences for people.
    """

    trust: Trust
    ever_trusted: Trust
    log: str | None = None
    head: str = NOTHING_BEFORE
    digests: list[bytes] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    unsigned_before: int | None = None
    open_runs: dict[str, RunStarted] = field(default_factory=dict)
    ended_runs: set[str] = field(default_factory=set)

    def take(self, data: bytes) -> Line | None:
        """Read the next line, without its newline; None, and a sentence in `broken`, when it is not one."""
        try:
            line = self._check(read_line(data), data)
        except BrokenProofError as cause:
            self.broken.append(f"record {len(self.digests)} is not what dbops writes: {cause}")
            line = None
        self.head = sha256(data)
        self.digests.append(bytes.fromhex(self.head))
        return line

    def _check(self, line: Line, data: bytes) -> Line:
        number = len(self.digests)
        self._follow(line.statement.predicate, number)
        self._pair(line.statement.predicate, number)
        self._authenticate(line, signed_part(data), number)
        return line

    def head_at(self, size: int) -> str | None:
        """Return the digest of the last line when the log had `size` records; None when it never had."""
        return self.digests[size - 1].hex() if 0 < size <= len(self.digests) else None

    def _follow(self, record: AnyRecord, number: int) -> None:
        if self.log is None:
            self.log = record.log
        if record.seq != number:
            self.broken.append(f"record {record.seq} stands in the place of record {number}")
        if record.prev != self.head:
            self.broken.append(f"record {record.seq} does not follow the line before it")
        if record.log != self.log:
            self.broken.append(f"record {record.seq} comes from another log")
        if (record.type == "log.opened") is not (number == 0):
            self.broken.append(f"record {record.seq} is {record.type}: a log is opened once, at its beginning")

    def _pair(self, record: AnyRecord, number: int) -> None:
        """See to it that a run is started once and ended once, by a record about the same report."""
        if isinstance(record, RunStarted):
            if record.run_id in self.open_runs or record.run_id in self.ended_runs:
                self.broken.append(f"record {number} starts run {record.run_id} a second time")
            self.open_runs[record.run_id] = record
        elif isinstance(record, RunFinished | RunAborted):
            started = self.open_runs.pop(record.run_id, None)
            if started is None:
                self.broken.append(f"record {number} ends run {record.run_id}, which is not going on")
            elif (started.command, started.report) != (record.command, record.report):
                self.broken.append(f"record {number} ends run {record.run_id} as something else than it was started")
            self.ended_runs.add(record.run_id)

    def _authenticate(self, line: Line, payload: bytes, number: int) -> None:
        record = line.statement.predicate
        if not line.signatures:
            if self.unsigned_before is None:
                return
            self.forged.append(f"record {number} is not signed, though earlier ones are")
            return
        if self.unsigned_before is None:
            self.unsigned_before = number
        # With no trust root every signature would be by an unknown key; that is said once, by the caller.
        if not self.trust:
            return
        wanted = [record.retired.keyid, record.new.keyid] if isinstance(record, KeyRotated) else None
        trust = self._rotated(record) if isinstance(record, KeyRotated) else self.trust
        fault = check_signatures(line.signatures, trust, PAYLOAD_TYPE, payload, wanted)
        if fault:
            self.forged.append(f"record {number} {fault}")
        elif isinstance(record, KeyRotated):
            self.ever_trusted = self.ever_trusted.and_keys(trust)
            self.trust = trust.without(record.retired.keyid)

    def _rotated(self, record: KeyRotated) -> Trust:
        """Return the keys that count for a rotation: the new one only if the retired one does."""
        raw = raw_key(record.new)
        if raw is None or record.retired.keyid not in self.trust.keys:
            return self.trust
        return self.trust.and_key(raw)


def raw_key(key: PublicKey) -> bytes | None:
    """Return the 32 bytes of a public key in a record; None when they are not those of its keyid."""
    raw = strict_base64(key.public)
    return raw if raw is not None and len(raw) == 32 and keyid_of(raw) == key.keyid else None


def check_signatures(
    signatures: Sequence[Signature],
    trust: Trust,
    payload_type: str,
    payload: bytes,
    wanted: Sequence[str] | None = None,
) -> str | None:
    """Return what is wrong with the signatures of a payload, None when nothing is.

    Exactly one, by any trusted key, unless `wanted` names the keyids, in order.
    """
    if len(signatures) != len(wanted or [""]):
        return f"has {counted(len(signatures), 'signature')}"
    if wanted and [signature.keyid for signature in signatures] != list(wanted):
        return "is signed by other keys than it names"
    for signature in signatures:
        if signature.keyid not in trust.keys:
            return f"is signed by {signature.keyid[:16]}, a key that is not trusted here"
        if not trust.verifies(signature.keyid, signature.sig, payload_type, payload):
            return "is not what its signature was made for"
    return None


def trust_backwards(trust: Trust, rotations: Sequence[Line]) -> Trust:
    """Return `trust` and, for each rotation to a key in it, the key before: for who has only the newest key."""
    for line in reversed(rotations):
        record = line.statement.predicate
        raw = raw_key(record.retired) if isinstance(record, KeyRotated) else None
        if not isinstance(record, KeyRotated) or raw is None or record.new.keyid not in trust.keys:
            continue
        extended = trust.and_key(raw)
        names = [record.retired.keyid, record.new.keyid]
        payload = encoded(line.statement.to_json())
        if check_signatures(line.signatures, extended, PAYLOAD_TYPE, payload, names) is None:
            trust = extended
    return trust


def check_checkpoint(checkpoint: Checkpoint, chain: Chain) -> list[str]:
    """Return how a log contradicts a checkpoint; one that is longer than the checkpoint does not."""
    stated = checkpoint.checkpoint
    if stated.log != chain.log:
        return [f"the checkpoint of {stated.at} was written for another log"]
    if stated.size > len(chain.digests):
        missing = stated.size - len(chain.digests)
        there = counted(stated.size, "record")
        return [f"the last {missing} of the {there} there were at {stated.at} {'is' if missing == 1 else 'are'} gone"]
    if chain.head_at(stated.size) != stated.head:
        differ = counted(stated.size, "record is not the one", "records are not those")
        return [f"the first {differ} there were at {stated.at}"]
    return []


def check_checkpoint_signature(checkpoint: Checkpoint, trust: Trust) -> str | None:
    """Return what is wrong with the signature of a checkpoint, None when nothing is."""
    payload = encoded(checkpoint.checkpoint.to_json())
    return check_signatures(checkpoint.signatures, trust, CHECKPOINT_TYPE, payload)


@dataclass(frozen=True, slots=True)
class Known:
    """A statement of a line that has been read, and the bytes it was read from."""

    payload: bytes
    statement: Statement


@dataclass(frozen=True, slots=True)
class SealedReport:
    """A report that has been read: its JSON without the seal, the seal, and the statement that the seal carries."""

    body: dict[str, Any]
    seal: Seal
    payload: bytes
    statement: Statement

    @property
    def outcome(self) -> RunFinished | RunAborted:
        """The record the seal is about."""
        record = self.statement.predicate
        if not isinstance(record, RunFinished | RunAborted):
            raise BrokenProofError("its seal is not about the end of a run")
        return record


def read_report(data: bytes, known: Known | None = None) -> SealedReport:
    """Return the report that the bytes of a file are; BrokenProofError unless it is sealed and spelled as written.

    `known` is a statement that has been read already: a seal that carries the same bytes is not read again.
    """
    try:
        document = read_readable(data)
    except NotCanonicalError as cause:
        raise BrokenProofError(str(cause)) from None
    return unseal(document, known)


def unseal(document: Any, known: Known | None = None) -> SealedReport:
    """Return a report that has been read as JSON; BrokenProofError unless its seal is about it."""
    if not isinstance(document, dict) or document.get("seal") is None:
        raise BrokenProofError("it has no seal")
    seal = as_seal(document["seal"])
    payload = strict_base64(seal.envelope.payload)
    if payload is None:
        raise BrokenProofError("the payload of its seal is not base64")
    body = {name: value for name, value in document.items() if name != "seal"}
    statement = known.statement if known and known.payload == payload else read_statement(payload)
    report = SealedReport(body, seal, payload, statement)
    for fault in _contradictions(report):
        raise BrokenProofError(fault)
    return report


def is_sealed_with(report: SealedReport, data: bytes) -> bool:
    """Tell whether the seal of a report is the line of the log that `data` is."""
    return report.seal.checkpoint.checkpoint.head == sha256(data)


def _contradictions(report: SealedReport) -> list[str]:
    """Return how a report and its own seal disagree, signatures aside."""
    record, seal = report.outcome, report.seal
    stated = seal.checkpoint.checkpoint
    head = sha256(joined_line(seal.envelope.signatures, report.payload))
    said = {name: report.body.get(name) for name in ("runId", "command", "verdict", "exitCode")}
    meant = {"runId": record.run_id, "command": record.command, "verdict": record.verdict, "exitCode": record.exit_code}
    words = ("signed", None) if seal.envelope.signatures else ("unsigned", UNSIGNED)
    faults = {
        "its seal is about another run or another outcome": said != meant,
        "its content is not what was sealed": _subjects(report.body, record.report) != report.statement.subject,
        "its seal says signed of what is not, or the other way round": (seal.status, seal.note) != words,
        "its checkpoint is not that of its record": (stated.log, stated.size, stated.head)
        != (record.log, record.seq + 1, head),
    }
    return [fault for fault, true in faults.items() if true]


def _subjects(body: Mapping[str, Any], name: str) -> Sequence[object] | None:
    try:
        return subjects_of(body, name)
    except (KeyError, TypeError, ValueError):
        return None


def check_seal(report: SealedReport, trust: Trust) -> list[str]:
    """Return what is wrong with the signatures of a report's seal: on the statement, and on the checkpoint."""
    if not report.seal.envelope.signatures:
        return ["it is not signed"]
    faults = [
        (check_signatures(report.seal.envelope.signatures, trust, PAYLOAD_TYPE, report.payload), "its statement"),
        (check_checkpoint_signature(report.seal.checkpoint, trust), "its checkpoint"),
    ]
    return [f"{what} {fault}" for fault, what in faults if fault]
