"""Make a backup that is proven whole, or none.

The order is the promise: everything that could go wrong is looked for first; one snapshot is exported and everything
recorded is read in it; the dump grows under a hidden name; only when all of it has been read back, hashed and synced
does it get its name, and only then is the manifest written that makes it a backup. Whatever fails in between, nothing
is left under a final name. What this does not do: restore it (a drill does), or remove older backups.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

from dbops.backup.archive import Archiver
from dbops.backup.making import Making, timed
from dbops.backup.preflight import check
from dbops.backup.telemetry import refuse_unwritable, telling
from dbops.connection.deadline import Deadline
from dbops.connection.session import read_only
from dbops.connection.workspace import workspace
from dbops.errors import ConnectionFailedError, LockedError
from dbops.storage.encryption import parse_recipients
from dbops.storage.stored import database_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.backup.options import BackupOptions
    from dbops.connection.session import Session
    from dbops.connection.target import Target
    from dbops.evidence.run import Run
    from dbops.model import BackupManifest, Progress
    from dbops.storage.store import Store

# What a server says that starts, restarts, or has no room just now.
_SOON_READY = re.compile("still starting up|shutting down|starting up|too many|no more connections|recovery mode")
# One number for all databases: an advisory lock belongs to the database it is taken in. The bytes spell "dbopsbkp".
ADVISORY_LOCK = int.from_bytes(b"dbopsbkp", "big")


def create_backup(
    target: Target, store: Store, run: Run, *, options: BackupOptions, progress: Progress | None = None
) -> BackupManifest:
    """Dump `target` into `store` and return the manifest of the published backup.

    Raises UnavailableError with every problem the preflight finds, LockedError when another backup of this database is
    running, ProgramFailedError and DeadlineError when pg_dump or reading it back fails, and EvidenceNotKeptError when
    the telemetry cannot be written.
    """
    report_path = options.report_path or store.directory / "backup-report.jsonl"
    refuse_unwritable(report_path, store.directory)
    deadline = Deadline.after(options.deadline)
    if options.recipients:
        parse_recipients(options.recipients)  # a misspelt key is told at once, not after the dump
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(telling(report_path, run))
        line.database = target.database
        directory = stack.enter_context(workspace())
        session = stack.enter_context(_opened(target, options, deadline))
        _lift_transaction_timeout(session)
        with timed(run, line, "preflight"):
            run.target = session.info()
            line.database, line.system_identifier = run.target.database, run.target.system_identifier
            ready = check(session, store, options)
        key = database_key(session.facts.system_identifier or "", session.facts.database)
        stack.enter_context(store.lock(key, holder=f"backup {run.run_id}"))
        _lock_database(session)
        for path in store.sweep(key, older_than=options.orphan_age):
            run.note(f"removed what an ended run had left: {path.name}")
        making = Making(
            target=target,
            store=store,
            run=run,
            line=line,
            options=options,
            progress=progress,
            session=session,
            ready=ready,
            archiver=Archiver(ready.binaries, directory, deadline),
            name=f"{key}-{run.run_id}",
        )
        try:
            line.manifest = making.make()
        except BaseException:
            store.discard(making.name)
            raise
        return line.manifest


@contextlib.contextmanager
def _opened(target: Target, options: BackupOptions, deadline: Deadline) -> Iterator[Session]:
    """Open the session whose snapshot is dumped; a server that will be ready soon is waited for.

    This is the only thing that is tried again: nothing has been done yet. A dump that failed is a failure to report.
    """
    for left in reversed(range(options.attempts)):
        with contextlib.ExitStack() as stack:
            try:
                session = stack.enter_context(
                    read_only(
                        target,
                        statement_timeout=None,
                        lock_timeout=options.lock_wait,
                        idle_timeout=None,
                        deadline=deadline.left(),
                    )
                )
            except ConnectionFailedError as error:
                if not left or not _SOON_READY.search(error.message):
                    raise
                time.sleep(options.pause)
                continue
            yield session
            return


def _lift_transaction_timeout(session: Session) -> None:
    """Undo a limit that a role or database may carry since 17; the wall-clock deadline is ours."""
    if session.server_version >= 170000:
        session.connection.execute("set local transaction_timeout = 0")


def _lock_database(session: Session) -> None:
    """Take the database's advisory lock until the transaction ends; LockedError when another machine's run has it."""
    if not session.fetch_all("select pg_catalog.pg_try_advisory_xact_lock(%s)", [ADVISORY_LOCK])[0][0]:
        raise LockedError(
            f"another dbops backup of {session.facts.database} is running, from another machine or into another"
            " directory",
            hint="wait until it has finished; pg_locks shows who: select * from pg_locks where locktype = 'advisory'",
        )
