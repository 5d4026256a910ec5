"""Which runs are still going: a file below `evidence/running/` for each, locked by the process that runs it.

The lock goes with the process, however that ends, so a file that can be locked is what a dead run left behind. All of
this happens under the lock of the log: between a file's creation and its lock nobody else looks.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dbops.errors import EvidenceNotKeptError
from dbops.evidence.records import RunAborted, RunStarted
from dbops.files import secure_directory, sync_directory, try_lock

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.evidence.log import OpenLog


@dataclass(frozen=True, slots=True)
class Marker:
    """The file that says a run is going, and the descriptor that holds its lock."""

    path: Path
    descriptor: int

    def remove(self) -> None:
        """Say that the run has ended and is recorded."""
        with contextlib.suppress(OSError):  # what stays is swept by the next run, which finds the record
            self.path.unlink()
        self.release()

    def release(self) -> None:
        """Let go of the lock and leave the file, for the next run to find."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


def mark(directory: Path, run_id: str) -> Marker:
    """Create and lock the marker of a run below the evidence directory; the caller holds the log's lock."""
    path = secure_directory(directory / "running") / run_id
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try_lock(descriptor)
        sync_directory(path.parent)
    except OSError as cause:
        raise EvidenceNotKeptError(f"cannot write {path}: {cause.strerror}") from cause
    return Marker(path, descriptor)


def running(log_dir: Path) -> list[str]:
    """Return the ids of the runs that have a marker; after `recover` those are the ones that are going on."""
    directory = log_dir / "evidence" / "running"
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def recover(log: OpenLog, log_dir: Path) -> None:
    """Finish what runs that are gone have left: complete their report, or record that they were aborted."""
    directory = log_dir / "evidence" / "running"
    if not directory.is_dir():
        return
    for path in sorted(directory.iterdir()):
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if try_lock(descriptor):
                    _settle(log, log_dir, path.name)
                    path.unlink()
            finally:
                os.close(descriptor)


def body_path(report_path: Path) -> Path:
    """Return where a report waits, sealed, until its record is on disk."""
    return report_path.with_suffix(".body.json")


def publish(report_path: Path) -> None:
    """Give a recorded report its final name; EvidenceNotKeptError when that fails."""
    try:
        body_path(report_path).rename(report_path)
        sync_directory(report_path.parent)
    except OSError as cause:
        raise EvidenceNotKeptError(f"cannot write {report_path}: {cause.strerror}") from cause


def _settle(log: OpenLog, log_dir: Path, run_id: str) -> None:
    records = log.records_of(run_id)
    if not records:
        return  # it died before its first record: nothing had been touched
    started = records[0]
    report_path = log_dir / started.report
    waiting = body_path(report_path)
    if not isinstance(records[-1], RunStarted):
        if waiting.exists():
            publish(report_path)
        return
    reason = "its process ended without a record"
    if waiting.exists():
        unrecorded = report_path.with_suffix(".unrecorded.json")
        waiting.rename(unrecorded)
        reason += f"; the report it was about to record is kept as {unrecorded.relative_to(log_dir)}"
    aborted = partial(
        RunAborted,
        run_id=run_id,
        command=started.command,
        challenge=started.challenge,
        report=started.report,
        verdict=None,
        exit_code=None,
        reason=reason,
    )
    log.append(aborted)
