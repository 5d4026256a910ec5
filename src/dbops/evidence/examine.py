"""Read kept evidence and say, property by property, what holds: the files around `verify.py`.

Every answer is yes, no, or not checked, and comes with what it rests on; a property nobody could check is never a yes.
Without a trust root nothing is authentic, whatever the signatures say. One line and one report are held at a time.
Only regular files are read: a pipe or a device among the evidence would never end. What it does not do: touch anything.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbops.errors import EvidenceBrokenError, UnavailableError, UsageError
from dbops.evidence.answers import Answer, Answered, Property, Question, Verification, no, objectives_answer
from dbops.evidence.gaps import GapFinder
from dbops.evidence.history import report_files
from dbops.evidence.reader import LONGEST_LINE, BrokenProofError, read_checkpoint, read_line, signed_part
from dbops.evidence.records import Checkpoint, KeyRotated, Line, LogRepaired, RunAborted, RunFinished
from dbops.evidence.tally import ObjectiveTally
from dbops.evidence.ticket import examine_report
from dbops.evidence.verify import (
    Chain,
    Known,
    check_checkpoint,
    check_checkpoint_signature,
    is_sealed_with,
    read_report,
    trust_backwards,
)
from dbops.files import sha256_of
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbops.evidence.records import AnyRecord
    from dbops.evidence.verify import SealedReport


def load_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint in a file: a copied-out checkpoint, or a report, whose seal has one."""
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise UsageError(f"cannot read the checkpoint {path}: {cause.strerror}") from cause
    try:
        return read_report(data).seal.checkpoint if data.startswith(b"{\n") else read_checkpoint(data)
    except BrokenProofError as cause:
        raise EvidenceBrokenError(f"{path} is not a checkpoint dbops wrote: {cause}") from cause


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as it was examined: what is wrong with it or its files, and its report without the seal, if it has one.

    `record` is None for a line that is no record. A record without a fault is in its place, its files are what it says,
    and its signature, where trusted keys were given, is by one of them.
    """

    record: AnyRecord | None
    signed: bool
    faults: tuple[str, ...]
    body: dict[str, Any] | None


def examine(path: Path, question: Question) -> Verification:
    """Verify a log directory, its `evidence` directory, its log, or one report; UsageError when it is none of them.

    UnavailableError where there is one that this user may not read.
    """
    with _allowed_to_read(path):
        directory = _log_directory(path)
        if directory is not None:
            return _Examination(directory, question).answer()
        if path.is_file():
            return examine_report(path, question)
    raise UsageError(
        f"{path} is neither a log directory with evidence/log.jsonl nor a report",
        hint="dbops evidence verify logs, or the path of one report",
    )


def examine_log(path: Path, question: Question, witness: Callable[[Seen], None]) -> Verification:
    """Verify a log directory and tell `witness` of every record, in order, as it is examined."""
    with _allowed_to_read(path):
        directory = _log_directory(path)
        if directory is None:
            raise UsageError(f"{path} is no log directory with evidence/log.jsonl", hint="name the log directory: logs")
        return _Examination(directory, question, witness).answer()


@contextlib.contextmanager
def _allowed_to_read(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        raise UnavailableError(
            f"cannot read {cause.filename or path}: {cause.strerror}",
            hint="verify as a user who may read all of it, or a copy that may be read",
        ) from cause


def _log_directory(path: Path) -> Path | None:
    for directory in (path, path.parent, path.parent.parent):
        log = directory / "evidence" / "log.jsonl"
        if path in {directory, log.parent, log} and log.is_file():
            return directory
    return None


@dataclass(slots=True)
class _Examination:
    """One pass over a log directory."""

    directory: Path
    question: Question
    witness: Callable[[Seen], None] | None = None
    unmatched: list[str] = field(default_factory=list)
    checked: int = 0
    tally: ObjectiveTally = field(default_factory=ObjectiveTally)
    forged_seals: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    present: list[str] = field(default_factory=list)
    stated: Checkpoint | str = ""

    def answer(self) -> Verification:
        path = self.directory / "evidence" / "log.jsonl"
        size = self._take_snapshot(path)
        gaps = GapFinder()
        trust = trust_backwards(self.question.trust, _rotations(path))
        chain = Chain(trust, trust)
        for data in _lines(path, size, chain):
            known = [len(faults) for faults in self._faults(chain)]
            line = chain.take(data)
            body = None
            if line is not None:
                gaps.take(line.statement.predicate)
                body = self._match(line, data, chain)
            if self.witness is not None:
                faults = [one for all_of, old in zip(self._faults(chain), known, strict=True) for one in all_of[old:]]
                record, signed = (line.statement.predicate, bool(line.signatures)) if line else (None, False)
                self.witness(Seen(record, signed, tuple(faults), body))
        self.unmatched += [f"{name} is in no record of the log" for name in self.present if name not in self.named]
        return Verification(
            str(self.directory),
            (
                self._authentic(chain),
                self._complete(chain),
                self._not_rolled_back(chain),
                self._no_gaps(gaps),
                self._artifacts_match(),
                objectives_answer(self.tally),
            ),
        )

    def _faults(self, chain: Chain) -> tuple[list[str], ...]:
        return chain.broken, chain.forged, self.unmatched, self.forged_seals

    def _take_snapshot(self, path: Path) -> int:
        """Read the checkpoint and note the reports and the size of the log at one moment.

        What is written later is not looked at: a report of a run that ends meanwhile would seem to be in no record.
        """
        with _no_writer(path.with_name("log.jsonl.lock")):
            self.stated = _local_checkpoint(path.with_name("checkpoint"))
            self._list_reports()
            return path.stat().st_size

    def _authentic(self, chain: Chain) -> Answered:
        faults = [*chain.forged, *self.forged_seals]
        if not self.question.trust:
            return no(Property.AUTHENTIC, ["UNAUTHENTICATED: no trusted key was given (--trust)", *faults])
        if chain.unsigned_before is None:
            return no(Property.AUTHENTIC, ["UNAUTHENTICATED: nothing in this log is signed"])
        stated = self.stated
        fault = check_checkpoint_signature(stated, chain.ever_trusted) if isinstance(stated, Checkpoint) else None
        if fault:
            faults.append(f"the checkpoint {fault}")
        if faults:
            return no(Property.AUTHENTIC, faults)
        signed = len(chain.digests) - chain.unsigned_before
        basis = [f"{signed:,} of {counted(len(chain.digests), 'record')} signed by trusted keys"]
        if chain.unsigned_before:
            basis.append(
                f"written without a key, and not changed since the next one: the first"
                f" {counted(chain.unsigned_before, 'record')}"
            )
        return Answered(Property.AUTHENTIC, Answer.YES, tuple(basis))

    def _complete(self, chain: Chain) -> Answered:
        if chain.broken or not chain.digests:
            return no(Property.COMPLETE, chain.broken or ["the log is empty"])
        runs = counted(len(chain.ended_runs), "run")
        basis = [f"{counted(len(chain.digests), 'record')} in one unbroken chain, {runs} ended"]
        basis += [f"run {run_id} was started and has no end on record yet" for run_id in chain.open_runs]
        return Answered(Property.COMPLETE, Answer.YES, tuple(basis))

    def _not_rolled_back(self, chain: Chain) -> Answered:
        stated = self.stated
        if isinstance(stated, str):
            return no(Property.NOT_ROLLED_BACK, [stated])
        if chain.broken:
            # A head that matches says nothing about what stands before a break.
            return no(Property.NOT_ROLLED_BACK, ["the chain is broken, so no checkpoint vouches for all of it"])
        faults = check_checkpoint(stated, chain)
        older = self.question.checkpoint
        if older is not None:
            unsigned = check_checkpoint_signature(older, chain.ever_trusted) if self.question.trust else None
            faults += [f"the older checkpoint {unsigned}"] if unsigned else check_checkpoint(older, chain)
        if faults:
            return no(Property.NOT_ROLLED_BACK, faults)
        if older is None:
            reason = "no older checkpoint was given (--checkpoint), and the log's own can be rolled back with it"
            return Answered(Property.NOT_ROLLED_BACK, Answer.NOT_CHECKED, (reason,))
        basis = f"{counted(older.checkpoint.size, 'record')} of {older.checkpoint.at}: still there, unchanged"
        return Answered(Property.NOT_ROLLED_BACK, Answer.YES, (basis,))

    def _no_gaps(self, gaps: GapFinder) -> Answered:
        if self.question.max_gap is None:
            return Answered(Property.NO_GAPS, Answer.NOT_CHECKED, ("no largest gap was given (--max-gap)",))
        found = gaps.gaps(self.question.max_gap, self.question.now)
        if found or not gaps.runs:
            return no(Property.NO_GAPS, found or ["no run has ended"])
        return Answered(Property.NO_GAPS, Answer.YES, (gaps.basis(self.question.max_gap),))

    def _artifacts_match(self) -> Answered:
        if self.unmatched:
            return no(Property.ARTIFACTS_MATCH, self.unmatched)
        if not self.checked:
            return Answered(Property.ARTIFACTS_MATCH, Answer.NOT_CHECKED, ("no record names a file",))
        return Answered(
            Property.ARTIFACTS_MATCH,
            Answer.YES,
            (counted(self.checked, "file is what its record says", "files are what their records say"),),
        )

    def _match(self, line: Line, data: bytes, chain: Chain) -> dict[str, Any] | None:
        """Compare the files a record vouches for; return the report among them."""
        record = line.statement.predicate
        if isinstance(record, LogRepaired):
            self._match_file(f"evidence/{record.torn.path}", record.torn.sha256)
        if not isinstance(record, RunFinished | RunAborted) or not line.statement.subject:
            return None
        body = self._match_report(line, record.report, data, chain)
        for subject in line.statement.subject[1:]:
            self._match_file(subject.name, subject.digest.sha256)
        return body

    def _match_report(self, line: Line, name: str, data: bytes, chain: Chain) -> dict[str, Any] | None:
        self.named.add(name)
        try:
            report = self._sealed_report(line, name, data)
            self.tally.take(report.body)
        except OSError as cause:
            self.unmatched.append(f"{name} cannot be read: {cause.strerror}")
            return None
        except BrokenProofError as cause:
            self.unmatched.append(f"{name}: {cause}")
            return None
        self.checked += 1
        if report.seal.envelope.signatures and self.question.trust:
            # Its statement is the line's, and has been looked at there.
            fault = check_checkpoint_signature(report.seal.checkpoint, chain.ever_trusted)
            self.forged_seals += [f"{name}: its checkpoint {fault}"] if fault else []
        return report.body

    def _sealed_report(self, line: Line, name: str, data: bytes) -> SealedReport:
        """Return the report a record vouches for; BrokenProofError unless it is sealed with that very record."""
        known = Known(signed_part(data), line.statement)
        report = read_report(_regular(self.directory / name).read_bytes(), known)
        if not is_sealed_with(report, data):
            raise BrokenProofError("it is sealed with another record than the one in the log")
        return report

    def _match_file(self, name: str, digest: str) -> None:
        try:
            found, _ = sha256_of(_regular(self.directory / name))
        except OSError as cause:
            self.unmatched.append(f"{name} cannot be read: {cause.strerror}")
            return
        if found != digest:
            self.unmatched.append(f"{name} is not what its record says")
            return
        self.checked += 1

    def _list_reports(self) -> None:
        for folder in sorted(path for path in self.directory.iterdir() if path.is_dir() and path.name != "evidence"):
            try:
                self.present += [f"{folder.name}/{path.name}" for path in report_files(folder)]
            except PermissionError as cause:
                self.unmatched.append(f"{folder.name} cannot be read: {cause.strerror}")


def _regular(path: Path) -> Path:
    """Return the path of a regular file; OSError for everything else."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return path
    except ValueError:  # a name that no file can have
        pass
    raise OSError(errno.EINVAL, "it is not a regular file")


def _local_checkpoint(path: Path) -> Checkpoint | str:
    """Return the log's own checkpoint, or what is wrong with it."""
    try:
        return read_checkpoint(_regular(path).read_bytes())
    except OSError as cause:
        return f"the log's own checkpoint cannot be read: {cause.strerror}"
    except BrokenProofError as cause:
        return f"the log's own checkpoint is not what dbops writes: {cause}"


@contextlib.contextmanager
def _no_writer(lock: Path) -> Iterator[None]:
    """Keep writers out for a moment; on a copy or a read-only disk there is none, and nothing to lock."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _lines(path: Path, size: int, chain: Chain) -> Iterator[bytes]:
    """Yield the lines in the first `size` bytes without their newlines; what is no line ends it, and breaks `chain`."""
    with path.open("rb") as file:
        while file.tell() < size and (data := file.readline(LONGEST_LINE + 2)):
            if not data.endswith(b"\n"):
                what = "is longer than any that dbops writes" if len(data) > LONGEST_LINE else "was not finished"
                chain.broken.append(f"the line after record {len(chain.digests) - 1} {what}")
                return
            yield data[:-1]


def _rotations(path: Path) -> list[Line]:
    """Return the lines that rotate a key, as far as they can be read; `Chain` complains about the others."""
    found = []
    with path.open("rb") as file:
        while data := file.readline(LONGEST_LINE + 2):
            if b'"type":"key.rotated"' in data:
                try:
                    line = read_line(data.removesuffix(b"\n"))
                except BrokenProofError:
                    continue
                if isinstance(line.statement.predicate, KeyRotated):
                    found.append(line)
    return found
