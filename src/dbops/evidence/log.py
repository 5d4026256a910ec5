"""The evidence log: one canonical record a line, each naming the digest of the line before; and its signed head.

Rules, in order: one writer at a time; a torn tail is set aside and recorded before anything follows it; a log shorter
than its own checkpoint is not written to, since that would cover up what is missing; the line is on disk before the
checkpoint says so. A record is acknowledged only after fsync. What it does not do: verify signatures, see `verify.py`.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dbops import __version__
from dbops.errors import ConfigurationError, EvidenceBrokenError, EvidenceNotKeptError
from dbops.evidence.reader import LONGEST_LINE, BrokenProofError, read_checkpoint, read_line
from dbops.evidence.records import (
    Head,
    KeyRotated,
    LogOpened,
    LogRepaired,
    RunRecord,
    Seal,
    Statement,
    Subject,
    TornTail,
)
from dbops.evidence.seal import (
    NOTHING_BEFORE,
    checkpoint_bytes,
    line_bytes,
    seal_of,
    sha256,
    sign_head,
    sign_statement,
)
from dbops.evidence.signals import uninterrupted
from dbops.files import (
    append_durably,
    last_line,
    open_for_append,
    secure_directory,
    set_aside_torn_tail,
    waiting_for,
    write_atomically,
)
from dbops.model import rfc3339
from dbops.quantities import counted

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from dbops.evidence.keys import Signer
    from dbops.evidence.records import AnyRecord
    from dbops.files import Torn

_LOOK = "dbops evidence verify shows what is wrong; to go on with a new log, move the evidence directory aside"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that is ready to be appended: its line, and what is true once it is there."""

    line: bytes
    head: Head
    checkpoint: bytes
    seal: Seal


class EvidenceLog:
    """The log below one log directory. `signer` None leaves every record unsigned."""

    def __init__(self, log_dir: Path, signer: Signer | None, now: Callable[[], dt.datetime]) -> None:
        self.log_dir = log_dir
        self.directory = log_dir / "evidence"
        self.path = self.directory / "log.jsonl"
        self.checkpoint_path = self.directory / "checkpoint"
        self._signer = signer
        self._now = now

    def create(self) -> None:
        """Make sure the directories are there and safe; EvidenceNotKeptError when they are not."""
        secure_directory(self.log_dir)
        secure_directory(self.directory)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[OpenLog]:
        """Yield the log for writing: locked, its tail whole, signals waiting until it is released."""
        lock = self.path.with_name("log.jsonl.lock")
        with uninterrupted(), waiting_for(lock), open_for_append(self.path) as file:
            torn = set_aside_torn_tail(file, self.path)
            head = self._head(file)
            if head is None and torn is None and self.checkpoint_path.exists():
                raise EvidenceBrokenError(f"{self.path} is empty, its checkpoint is not", hint=_LOOK)
            signers = [self._signer] if self._signer else []
            log = OpenLog(self, file, head, signers, self._now)
            if torn:
                log.record_torn(torn)
            yield log

    def _head(self, file: int) -> Head | None:
        """Return where the log stands, None when it is new; EvidenceBrokenError when it contradicts its checkpoint."""
        line = last_line(file)
        head = self._head_after(line) if line is not None else None
        stated = self._stated()
        if stated and head and _contradicts(stated, head):
            raise EvidenceBrokenError(
                f"{self.path} ends at record {head.size} and is not the log its checkpoint"
                f" ({counted(stated.size, 'record')}) was written for",
                hint=_LOOK,
            )
        return head

    def _head_after(self, line: bytes) -> Head:
        try:
            record = read_line(line).statement.predicate
        except BrokenProofError as cause:
            raise EvidenceBrokenError(f"the last line of {self.path} is not a record: {cause}", hint=_LOOK) from cause
        return Head(log=record.log, size=record.seq + 1, head=sha256(line), at=record.at)

    def _stated(self) -> Head | None:
        try:
            return read_checkpoint(self.checkpoint_path.read_bytes()).checkpoint
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise EvidenceNotKeptError(f"cannot read {self.checkpoint_path}: {cause.strerror}") from cause
        except BrokenProofError as cause:
            raise EvidenceBrokenError(f"{self.checkpoint_path} cannot be read: {cause}", hint=_LOOK) from cause


class OpenLog:
    """The log while this process holds its lock."""

    def __init__(
        self,
        log: EvidenceLog,
        file: int,
        head: Head | None,
        signers: Sequence[Signer],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._log = log
        self._file = file
        self._head = head
        self._signers = signers
        self._now = now

    @property
    def identity(self) -> str | None:
        """The id of the log, None while it is empty."""
        return self._head.log if self._head else None

    def prepare(
        self, record: Callable[..., AnyRecord], subjects: Sequence[Subject] = (), *, new_key: Signer | None = None
    ) -> Entry:
        """Return the entry for the record that `record` makes of the place it will have; a new log is opened first.

        `new_key` signs too, after the log's own, and alone signs the checkpoint: for the rotation of a key.
        """
        if self._head is None and record is not LogOpened:
            self.append(LogOpened)
        at = rfc3339(self._now())
        before = self._head or Head.model_construct(log=secrets.token_hex(16), size=0, head=NOTHING_BEFORE, at=at)
        predicate = record(log=before.log, seq=before.size, prev=before.head, at=at, dbops=__version__)
        signers = [*self._signers, *([new_key] if new_key else [])]
        line = sign_statement(Statement(subject=list(subjects), predicate=predicate), signers)
        encoded = line_bytes(line)
        if len(encoded) > LONGEST_LINE:
            raise EvidenceNotKeptError(
                f"the record of this run would have {len(encoded):,} bytes, more than any reader takes",
                hint="a record names every file of its run: there are too many of them",
            )
        head = Head(log=before.log, size=before.size + 1, head=sha256(encoded), at=at)
        checkpoint = sign_head(head, signers[-1:])
        return Entry(encoded, head, checkpoint_bytes(checkpoint), seal_of(line, checkpoint))

    def commit(self, entry: Entry) -> None:
        """Append a prepared record and renew the checkpoint, both durable; EvidenceNotKeptError when either is not."""
        append_durably(self._file, entry.line + b"\n", self._log.path)
        self._head = entry.head
        write_atomically(self._log.checkpoint_path, entry.checkpoint)

    def append(self, record: Callable[..., AnyRecord]) -> None:
        """Prepare and commit a record that nothing else depends on."""
        self.commit(self.prepare(record))

    def record_torn(self, torn: Torn) -> None:
        """Say in the log itself that a line was cut off, and where its bytes are kept."""
        tail = TornTail(path=torn.path.name, sha256=torn.sha256, bytes=torn.bytes)
        self.append(partial(LogRepaired, torn=tail))

    def records_of(self, run_id: str) -> list[RunRecord]:
        """Return what the log says about one run, oldest first; reads the whole log, for recovery only."""
        records = self._records_with(f'"runId":"{run_id}"')
        return [record for record in records if isinstance(record, RunRecord) and record.run_id == run_id]

    def refuse_retired(self, signer: Signer) -> None:
        """Raise ConfigurationError for a key that the newest record has just retired: what it signs counts no more."""
        line = last_line(self._file)
        record = read_line(line).statement.predicate if line is not None else None
        if isinstance(record, KeyRotated) and record.retired.keyid == signer.keyid:
            raise ConfigurationError(
                f"the evidence key {signer.keyid[:16]} has been retired, and nothing it signs counts any more",
                hint="dbops evidence rotate completes a rotation that was cut short",
            )

    def names_key(self, keyid: str) -> bool:
        """Tell whether the log says that `keyid` has become the signing key."""
        records = self._records_with(f'"keyid":"{keyid}"')
        return any(isinstance(record, KeyRotated) and record.new.keyid == keyid for record in records)

    def _records_with(self, text: str) -> list[AnyRecord]:
        """Return the records whose line holds `text`, oldest first."""
        needle = text.encode()
        with self._log.path.open("rb") as file:
            return [read_line(line.removesuffix(b"\n")).statement.predicate for line in file if needle in line]


def ends_signed(log_dir: Path) -> bool | None:
    """Tell whether the newest record below a log directory was written with a key; None where there is no record."""
    try:
        with (log_dir / "evidence" / "log.jsonl").open("rb") as file:
            line = last_line(file.fileno())
        return None if line is None else bool(read_line(line).signatures)
    except (OSError, BrokenProofError):
        return None  # whoever opens the log says what is wrong with it


def _contradicts(stated: Head, head: Head) -> bool:
    """Tell whether a log is not what its checkpoint was written for; a crash may leave the log ahead of it."""
    shorter = stated.log != head.log or stated.size > head.size
    return shorter or (stated.size == head.size and stated.head != head.head)
