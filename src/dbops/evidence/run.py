"""One run: recorded before anything is touched, its steps timed, its report sealed and kept whatever happens.

Rules, in order: `run.started` is on disk before the caller gets the run; a step is recorded before its error goes on;
the report is on disk before the record that vouches for it, the record before the report gets its final name; a verdict
counts only when all of that succeeded. A failure is a report too. What it does not do: decide (see `judge.py`).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbops import __version__
from dbops.errors import DbopsError, EvidenceNotKeptError, ExitCode, StoppedError
from dbops.evidence import reserve
from dbops.evidence.canonical import canonical, readable
from dbops.evidence.failure import problem_of, report_without_run
from dbops.evidence.judge import judge
from dbops.evidence.liveness import Marker, body_path, mark, publish, recover
from dbops.evidence.log import EvidenceLog, OpenLog, ends_signed
from dbops.evidence.records import RunAborted, RunFinished, RunStarted, Source
from dbops.evidence.seal import subjects_of
from dbops.evidence.signals import swallowed, uninterrupted, what_ended
from dbops.evidence.steps import Clock, StepRecorder, milliseconds
from dbops.evidence.wording import clean
from dbops.files import directory_notes, keeping, secure_directory, sha256_of, sync_directory, write_new
from dbops.model import (
    Artifact,
    Changes,
    Check,
    Objective,
    Report,
    Severity,
    TargetInfo,
    Tool,
    Verdict,
)
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from dbops.evidence.keys import Signer

__all__ = ["Clock", "Run", "StepRecorder", "report_without_run"]


_UNSIGNED_NOW = (
    "the evidence log was signed so far, and this run has no key: verified with the key, the log no longer holds from"
    " here on; [evidence] key or DBOPS_EVIDENCE_KEY_FILE names the key"
)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a run was started with."""

    command: str
    folder: str
    fail_on: Severity
    strict: bool
    settings_sha256: str | None
    challenge: str | None
    signer: Signer | None
    clock: Clock


@dataclass(slots=True)
class _Collected:
    """What operations have told the run so far."""

    tools: list[Tool] = field(default_factory=lambda: [Tool(name="dbops", version=__version__)])
    steps: list[StepRecorder] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    objectives: list[Objective] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    not_tested: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)


class Run:
    """A run that is going on. Made by `Run.start`, which is a context manager."""

    def __init__(self, log_dir: Path, terms: _Terms) -> None:
        self._terms = terms
        self.log_dir = log_dir
        self.started_at = terms.clock.now()
        self._started = terms.clock.monotonic()
        self.run_id = f"{self.started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self._log = EvidenceLog(log_dir, terms.signer, terms.clock.now)
        self._marker: Marker | None = None
        self._log_id: str | None = None
        self._collected = _Collected()
        self._report: Report | None = None
        self.target: TargetInfo | None = None
        self.restorability: Verdict | None = None
        self.changes: Changes | None = None

    @classmethod
    @contextlib.contextmanager
    def start(  # noqa: PLR0913  (each is a fact about the run, given once, by name)
        cls,
        command: str,
        log_dir: Path,
        folder: str,
        *,
        settings_sha256: str | None = None,
        fail_on: Severity = Severity.ERROR,
        strict: bool = False,
        challenge: str | None = None,
        signer: Signer | None = None,
        clock: Clock | None = None,
    ) -> Iterator[Run]:
        """Record that `command` starts, yield the run, and keep its report as `log_dir/folder/<run id>.json`.

        Errors of the block are recorded and go on with their `report` set. Raises EvidenceNotKeptError when nothing
        can be kept, EvidenceBrokenError when the log is not what its checkpoint says; both carry an unsealed report.
        """
        terms = _Terms(command, folder, fail_on, strict, settings_sha256, challenge, signer, clock or Clock())
        run = cls(log_dir, terms)
        try:
            run._open()
            yield run
        except BaseException as error:
            ended_by = what_ended(error)
            run._end(ended_by)
            if ended_by is error:
                raise
            raise ended_by from None
        else:
            stopped = swallowed()
            run._end(stopped)
            if stopped is not None:
                raise stopped

    @property
    def command(self) -> str:
        """The command's name, as on the command line."""
        return self._terms.command

    @property
    def host(self) -> str:
        """The name of this machine."""
        return socket.gethostname()

    @property
    def clock(self) -> Clock:
        """The clocks this run is timed by."""
        return self._terms.clock

    @property
    def report_path(self) -> Path:
        """Where the report is kept once the run has ended."""
        return self.log_dir / self._terms.folder / f"{self.run_id}.json"

    @property
    def directory(self) -> Path:
        """The run's own directory for tool output and listings, created when first asked for.

        Every file in it when the run ends becomes an artifact of the report.
        """
        return secure_directory(self.report_path.with_suffix(""))

    @property
    def report(self) -> Report:
        """The sealed report; there is none before the run has ended."""
        if self._report is None:
            raise RuntimeError("a run has its report only after it has ended")
        return self._report

    def part(self, command: str, folder: str) -> AbstractContextManager[Run]:
        """Start a run of its own, on this run's terms, for a part of what this one does."""
        terms = self._terms
        return Run.start(
            command,
            self.log_dir,
            folder,
            settings_sha256=terms.settings_sha256,
            fail_on=terms.fail_on,
            strict=terms.strict,
            challenge=terms.challenge,
            signer=terms.signer,
            clock=terms.clock,
        )

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[StepRecorder]:
        """Time a phase and record how it ended before any error of it goes on. A part is named "phase/part"."""
        recorder = StepRecorder(name, self.clock.now())
        self._collected.steps.append(recorder)
        started = self.clock.monotonic()
        try:
            yield recorder
        except BaseException as error:
            recorder.ended_by(error)
            raise
        finally:
            recorder.duration_ms = milliseconds(self.clock.monotonic() - started)

    def add_checks(self, *checks: Check) -> None:
        """Add results of checks."""
        self._collected.checks.extend(checks)

    def add_objective(self, *objectives: Objective) -> None:
        """Add recovery objectives, measured or not."""
        self._collected.objectives.extend(objectives)

    def add_tool(self, *tools: Tool) -> None:
        """Add programs that took part, each once."""
        self._collected.tools.extend(tool for tool in tools if tool not in self._collected.tools)

    def add_artifact(self, path: Path, *, sha256: str | None = None, size: int | None = None) -> Artifact:
        """Add a file that belongs to the run; digest and size are taken now unless the caller has just taken them."""
        if sha256 is None or size is None:
            sha256, size = sha256_of(path)
        name = Path(os.path.relpath(path, self.report_path.parent)).as_posix()
        artifact = Artifact(path=name, sha256=sha256, bytes=size)
        self._collected.artifacts[name] = artifact
        return artifact

    def not_tested(self, text: str) -> None:
        """Say in one sentence what this run did not look at."""
        _add_once(self._collected.not_tested, redact(text))

    def note(self, text: str) -> None:
        """Say in one sentence what a reader of the report should know."""
        _add_once(self._collected.notes, redact(text))

    def attach(self, report: Report, path: Path | None = None) -> None:
        """Take in the full report of a part: its artifacts, objectives and report file count as this run's too."""
        self._collected.reports.append(report)
        self._collected.objectives.extend(report.objectives)
        if path is None or not path.exists():
            return
        self.add_artifact(path)
        for artifact in report.artifacts:
            self.add_artifact(path.parent / artifact.path, sha256=artifact.sha256, size=artifact.bytes)

    def _open(self) -> None:
        self._log.create()
        secure_directory(self.report_path.parent)
        for directory in (self.log_dir, self._log.directory, self.report_path.parent):
            self._collected.notes.extend(directory_notes(directory))
        with keeping(self.log_dir), self._log.exclusive() as log:
            if self._terms.signer is not None:
                log.refuse_retired(self._terms.signer)
            elif ends_signed(self.log_dir):
                self.note(_UNSIGNED_NOW)
            recover(log, self.log_dir)
            self._marker = self._record_start(log)
            reserve.take(self._log.directory)

    def _record_start(self, log: OpenLog) -> Marker:
        marker = mark(self._log.directory, self.run_id)
        try:
            log.append(partial(RunStarted, **self._identity(), config_sha256=self._terms.settings_sha256))
        except BaseException:
            marker.release()  # whether the record got there is for the next run to find out
            raise
        self._log_id = log.identity
        return marker

    def _identity(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "command": self.command,
            "challenge": self._terms.challenge,
            "report": self.report_path.relative_to(self.log_dir).as_posix(),
        }

    def _end(self, error: BaseException | None) -> None:
        """Judge, seal, record and publish; the report reaches the caller in every case."""
        try:
            with uninterrupted():
                self._keep_or_say_why(error)
        except DbopsError as late:
            if late.report is None:  # a signal that came while the record was being written
                _tell(late, self._report, self.report_path)
            raise

    def _keep_or_say_why(self, error: BaseException | None) -> None:
        try:
            self._keep(error)
        except Exception as failure:
            # The verdict does not count: the report that is handed out says so, and has no seal.
            if error is not None:
                self.note(f"before that, the run had ended with: {error}")
            self._report = Report.model_validate(self._body(failure))
            _tell(failure, self._report, None)
            raise
        if error is not None:
            _tell(error, self._report, self.report_path if self._marker else None)

    def _keep(self, error: BaseException | None) -> None:
        if self._marker is None:
            # The run never started: there is no record to end, only an answer to give.
            self._report = Report.model_validate(self._body(error))
            return
        try:
            self._collect_directory()
            self._seal(self._body(error), error)
        except BaseException:
            self._marker.release()
            raise
        self._marker.remove()

    def _body(self, error: BaseException | None) -> dict[str, Any]:
        """Return the judged report without its seal, as JSON, fit to be kept and shown."""
        body: dict[str, Any] = clean(judge(self._draft(error), error).to_json())
        del body["seal"]
        canonical(body)  # a report that has no canonical form is a bug to be found here, not by an auditor
        return body

    def _seal(self, body: dict[str, Any], error: BaseException | None) -> None:
        if not self._log.path.exists():
            raise EvidenceNotKeptError(
                f"{self._log.path} has gone while the run was going on", hint="keep the log directory where it is"
            )
        with keeping(self.report_path), self._log.exclusive() as log:
            if log.identity != self._log_id:  # an end without a start would break the other log
                raise EvidenceNotKeptError(
                    f"{self._log.path} is another log than the one this run is on record in",
                    hint="keep the log directory where it is while a run is going on",
                )
            entry = log.prepare(self._outcome(body, error), subjects_of(body, self._identity()["report"]))
            kept = {**body, "seal": entry.seal.to_json()}
            text = readable(kept)
            reserve.give_up_if_needed(self._log.directory, len(text) + len(entry.line))
            waiting = body_path(self.report_path)
            write_new(waiting, text)
            try:
                sync_directory(waiting.parent)
                log.commit(entry)
            except BaseException:
                self._withdraw(waiting, log)
                raise
            publish(self.report_path)  # still under the lock: who verifies never sees a record without its report
        self._report = Report.model_validate(kept)

    def _withdraw(self, waiting: Path, log: OpenLog) -> None:
        """Take back a report whose record did not reach the log; one whose record did is for recovery to publish."""
        with contextlib.suppress(OSError, DbopsError):
            if all(isinstance(record, RunStarted) for record in log.records_of(self.run_id)):
                waiting.unlink()

    def _outcome(self, body: dict[str, Any], error: BaseException | None) -> Callable[..., RunFinished | RunAborted]:
        """Return the last record of this run, but for its place in the log."""
        outcome = {**self._identity(), "verdict": body["verdict"], "exit_code": body["exitCode"]}
        if isinstance(error, StoppedError | KeyboardInterrupt):
            return partial(RunAborted, **outcome, reason=body["problem"]["message"])
        target = body["target"]
        source = Source(system_identifier=target["systemIdentifier"], database=target["database"]) if target else None
        return partial(RunFinished, **outcome, duration_ms=body["durationMs"], source=source)

    def _collect_directory(self) -> None:
        directory = self.report_path.with_suffix("")
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(self.report_path.parent).as_posix()
            if name not in self._collected.artifacts and path.is_file() and not path.is_symlink():
                try:
                    self.add_artifact(path)
                except OSError as cause:
                    self.note(f"{name} could not be read and is not among the artifacts: {cause.strerror}")
        if directory.is_dir():  # what the sealed report names is there after a power cut, too
            with keeping(directory):
                sync_directory(directory)

    def _draft(self, error: BaseException | None) -> Report:
        """Return the report as it stands; verdict and exit code are for `judge` to fill in."""
        finished = self.clock.now()
        collected = self._collected
        return Report(
            command=self.command,
            run_id=self.run_id,
            verdict=Verdict.INCONCLUSIVE,
            exit_code=int(ExitCode.UNABLE),
            started_at=self.started_at,
            finished_at=finished,
            duration_ms=milliseconds(self.clock.monotonic() - self._started),
            host=self.host,
            target=self.target,
            tools=tuple(collected.tools),
            config_sha256=self._terms.settings_sha256,
            fail_on=self._terms.fail_on,
            strict=self._terms.strict,
            steps=tuple(recorder.as_step() for recorder in collected.steps),
            checks=tuple(collected.checks),
            restorability=self.restorability,
            objectives=tuple(collected.objectives),
            artifacts=tuple(collected.artifacts.values()),
            not_tested=tuple(collected.not_tested),
            notes=tuple(collected.notes),
            problem=problem_of(error),
            reports=tuple(collected.reports),
            changes=self.changes,
        )


def _tell(error: BaseException, report: Report | None, kept: Path | None) -> None:
    """Give an error that goes on the report of the run it ended, and where that is kept."""
    error.report = report  # type: ignore[attr-defined]
    error.kept = kept  # type: ignore[attr-defined]


def _add_once(texts: list[str], text: str) -> None:
    if text not in texts:
        texts.append(text)
