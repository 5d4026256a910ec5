"""`backup-report.jsonl`: one line for every run that began, however it ended; a run without a line crashed.

A line is on disk before the run is over. What this does not do: vouch for itself (the sealed evidence does), or hold
anything secret.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbops.errors import DbopsError, EvidenceNotKeptError, LockedError, StoppedError
from dbops.evidence.judge import error_code
from dbops.files import append_line
from dbops.model import rfc3339
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dbops.backup.verify import Looked
    from dbops.evidence.run import Run
    from dbops.model import BackupManifest
    from dbops.storage.stored import StoredBackup

SCHEMA = "dbops/backup-report/v1"


@dataclass(slots=True)
class Line:
    """What a run tells about itself as it learns it; `phases` are milliseconds by step.

    `outcome` is what a run comes to that ends without an error; `backups` are those it looked at or removed.
    """

    database: str | None = None
    system_identifier: str | None = None
    phases: dict[str, int] = field(default_factory=dict)
    manifest: BackupManifest | None = None
    outcome: str = "published"
    backups: list[dict[str, str | None]] = field(default_factory=list)

    def looked_at(self, looked: Iterable[Looked]) -> None:
        """Tell of a run that made no backup and verified some."""
        self.backups = [{"id": one.backup, "verdict": one.verdict, "detail": one.damage or one.doubt} for one in looked]
        verdicts = {one["verdict"] for one in self.backups}
        self.outcome = "damaged" if "fail" in verdicts else "unsure" if "inconclusive" in verdicts else "verified"

    def removed(self, backups: Iterable[StoredBackup], *, dry_run: bool = False) -> None:
        """Tell of a run that made no backup and removed some, or none; with `dry_run` it only said what it would."""
        self.backups = [{"id": one.manifest.id, "sha256": one.manifest.artifact.files[0].sha256} for one in backups]
        self.outcome = "planned" if dry_run else "pruned"


def refuse_unwritable(path: Path, store: Path) -> None:
    """Raise EvidenceNotKeptError where it can be seen that no line can be written: not after a dump of hours.

    Whether the directory of the `store` can be written to is the store's to say.
    """
    closed = path.parent != store and not os.access(path.parent, os.W_OK | os.X_OK)
    if path.is_symlink() or path.is_dir() or closed:
        raise EvidenceNotKeptError(
            f"the line about this run cannot be written to {path}", hint="name a file in a directory of your own"
        )


@contextlib.contextmanager
def telling(path: Path, run: Run, *, read_only: bool = False) -> Iterator[Line]:
    """Append the run's line to `path` when the block ends. Raises EvidenceNotKeptError when it cannot be kept.

    A run that would have written nothing else there (`read_only`) does without where it may not; the sealed report says
    the same, and more.
    """
    if read_only and not os.access(path.parent, os.W_OK):
        run.note(f"no line about this run was written to {path}: its directory can only be read")
        yield Line()
        return
    line = Line()
    started = run.clock.monotonic()
    try:
        yield line
    except BaseException as error:
        # A telemetry line that cannot be written either must not hide what ended the run.
        with contextlib.suppress(DbopsError):
            append_line(path, _encoded(_ended(line, run, started, error)))
        raise
    append_line(path, _encoded(_ended(line, run, started, None)))


def _ended(line: Line, run: Run, started: float, error: BaseException | None) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "runId": run.run_id,
        "startedAt": rfc3339(run.started_at),
        "finishedAt": rfc3339(run.clock.now()),
        "durationMs": round((run.clock.monotonic() - started) * 1000),
        "outcome": line.outcome if error is None else _outcome(error),
        "database": line.database,
        "systemIdentifier": line.system_identifier,
        "phases": line.phases,
        **({"backups": line.backups} if line.backups else {}),
        **_published(line.manifest if error is None else None),
        "error": None if error is None else redact(str(error) or type(error).__name__),
        "exitCode": error_code(error) or (1 if line.outcome == "damaged" else 3 if line.outcome == "unsure" else 0),
    }


def _published(manifest: BackupManifest | None) -> dict[str, Any]:
    files = manifest.artifact.files if manifest else ()
    # A directory has a digest for each file: they are in the manifest, and in the file of checksums.
    alone = files[0].sha256 if len(files) == 1 else None
    return {
        "snapshotAt": rfc3339(manifest.snapshot_at) if manifest else None,
        "file": files[0].path.partition("/")[0] if files else None,
        "bytes": sum(one.bytes for one in files) if manifest else None,
        "sha256": alone,
        "tables": len(manifest.tables) if manifest else None,
        "rows": sum(table.rows or 0 for table in manifest.tables) if manifest else None,
    }


def _outcome(error: BaseException) -> str:
    match error:
        case LockedError():
            return "locked"
        case StoppedError() | KeyboardInterrupt():
            return "stopped"
        case _:
            return "failed"


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
