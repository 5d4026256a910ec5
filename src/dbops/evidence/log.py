"""The evidence log: one canonical record a line, each naming the digest of the line before; and its signed head.

Rules, in order: one writer at a time; a torn tail is set aside and recorded before anything follows it; a log shorter
than its own checkpoint is not written to, since that would cover up what is missing; the line is on disk before the
checkpoint says so. A record is acknowledged only after fsync. What it does not do: verify signatures, see `verify.py`.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbops import __version__
from dbops.errors import EvidenceBrokenError, EvidenceNotKeptError
from dbops.evidence.canonical import NotCanonicalError, canonical, read_canonical
from dbops.evidence.seal import (
    NOTHING_BEFORE,
    Head,
    RecordType,
    Subject,
    checkpoint_of,
    line_of,
    seal_of,
    sha256,
    statement_of,
)
from dbops.evidence.signals import uninterrupted
from dbops.files import (
    Torn,
    append_durably,
    last_line,
    open_for_append,
    secure_directory,
    set_aside_torn_tail,
    waiting_for,
    write_atomically,
)
from dbops.model import rfc3339

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from dbops.evidence.keys import Signer

_LOOK = "dbops evidence verify shows what is wrong; to go on with a new log, move the evidence directory aside"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that is ready to be appended: its line, and what is true once it is there."""

    line: bytes
    head: Head
    checkpoint: dict[str, Any]
    seal: dict[str, Any]


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
        head = head_of_line(line, self.path) if line is not None else None
        stated = self._stated()
        if stated and head:
            shorter = stated.size > head.size or stated.log != head.log
            if shorter or (stated.size == head.size and stated.sha256 != head.sha256):
                raise EvidenceBrokenError(
                    f"{self.path} ends at record {head.size} and is not the log its checkpoint"
                    f" ({stated.size} records) was written for",
                    hint=_LOOK,
                )
        return head

    def _stated(self) -> Head | None:
        try:
            text = self.checkpoint_path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise EvidenceNotKeptError(f"cannot read {self.checkpoint_path}: {cause.strerror}") from cause
        try:
            said = read_canonical(text.removesuffix(b"\n"))["checkpoint"]
            return Head(said["log"], said["size"], said["head"])
        except (NotCanonicalError, KeyError, TypeError) as cause:
            raise EvidenceBrokenError(f"{self.checkpoint_path} cannot be read: {cause}", hint=_LOOK) from cause


def head_of_line(line: bytes, path: Path) -> Head:
    """Return where a log stands whose last line this is; EvidenceBrokenError when it is not one."""
    try:
        record = read_canonical(line)["statement"]["predicate"]
        return Head(record["log"], record["seq"] + 1, sha256(line))
    except (NotCanonicalError, KeyError, TypeError) as cause:
        raise EvidenceBrokenError(f"the last line of {path} is not a record: {cause}", hint=_LOOK) from cause


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

    def prepare(
        self, kind: RecordType, fields: dict[str, Any], subjects: Sequence[Subject] = (), *, also: Sequence[Signer] = ()
    ) -> Entry:
        """Return the record that would be appended now; a new log is opened first. `also` sign a key rotation."""
        if self._head is None and kind is not RecordType.OPENED:
            self.commit(self.prepare(RecordType.OPENED, {}))
        before = self._head or Head(secrets.token_hex(16), 0, NOTHING_BEFORE)
        record = {
            "log": before.log,
            "seq": before.size,
            "prev": before.sha256,
            "type": kind.value,
            "at": rfc3339(self._now()),
            "dbops": __version__,
            **fields,
        }
        statement = statement_of(record, subjects)
        signers = [*self._signers, *also]
        line = line_of(statement, signers)
        head = Head(before.log, before.size + 1, sha256(line))
        checkpoint = checkpoint_of(head, self._now(), also or self._signers)
        signatures = read_canonical(line)["signatures"]
        return Entry(line, head, checkpoint, seal_of(statement, signatures, checkpoint))

    def commit(self, entry: Entry) -> None:
        """Append a prepared record and renew the checkpoint, both durable; EvidenceNotKeptError when either is not."""
        append_durably(self._file, entry.line + b"\n", self._log.path)
        self._head = entry.head
        write_atomically(self._log.checkpoint_path, canonical(entry.checkpoint) + b"\n")

    def append(self, kind: RecordType, fields: dict[str, Any], subjects: Sequence[Subject] = ()) -> None:
        """Prepare and commit a record that nothing else depends on."""
        self.commit(self.prepare(kind, fields, subjects))

    def record_torn(self, torn: Torn) -> None:
        """Say in the log itself that a line was cut off, and where its bytes are kept."""
        fields = {"torn": {"path": torn.path.name, "sha256": torn.sha256, "bytes": torn.bytes}}
        self.append(RecordType.REPAIRED, fields)

    def records_of(self, run_id: str) -> list[dict[str, Any]]:
        """Return what the log says about one run, oldest first; reads the whole log, for recovery only."""
        needle = f'"runId":"{run_id}"'.encode()
        with self._log.path.open("rb") as file:
            found = [line for line in file if needle in line]
        return [read_canonical(line.rstrip(b"\n"))["statement"]["predicate"] for line in found]
