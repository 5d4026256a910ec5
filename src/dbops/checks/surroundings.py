"""What an audit looks at beside the database: the client programs of this machine, and the reports that are kept.

Both become rows of the snapshot, so that a saved catalog replays whole: the rules about them stay pure functions of it.
Nothing here can end an audit; what cannot be told makes its rule a skip that says why.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.checks.catalog import ClientPrograms, ReadFailure, RestoreHistory
from dbops.connection.binaries import find_client
from dbops.errors import DbopsError
from dbops.evidence.history import previous_reports
from dbops.model import Verdict

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from dbops.checks.catalog import Catalog
    from dbops.model import Report, TargetInfo

DRILL_FOLDER = "backup-drill"

# What a backup is made, restored and looked at with; they come in one package.
_PROGRAMS = ("pg_dump", "pg_restore", "psql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where to look: the environment that programs are found by, and the log directory that drills are kept in."""

    environ: Mapping[str, str]
    log_dir: Path
    client_bindir: Path | None = None
    server_bindir: Path | None = None


@contextlib.contextmanager
def looking_around(around: Surroundings | None, wanted: Collection[type[tuple[object, ...]]]) -> Iterator[None]:
    """Look for programs while the body waits for a server: each is asked its version, and the answers are kept.

    What goes wrong is told when `with_surroundings` asks for them.
    """
    if around is None or ClientPrograms not in wanted:
        yield
        return

    def look() -> None:
        with contextlib.suppress(Exception):
            find_client(0, environ=around.environ, bindir=around.client_bindir)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
    finally:
        looking.join()


def with_surroundings(
    catalog: Catalog,
    around: Surroundings,
    identity: TargetInfo,
    *,
    now: dt.datetime,
    wanted: Collection[type[tuple[object, ...]]],
) -> Catalog:
    """Return the snapshot with what surrounds the database added, as far as it is `wanted`."""
    if ClientPrograms in wanted:
        catalog = catalog.extended({ClientPrograms: _client_programs(catalog, around, identity)})
    if RestoreHistory in wanted:
        history = _restore_history(around.log_dir, identity, now)
        if isinstance(history, ReadFailure):
            catalog = catalog.extended({}, {RestoreHistory: history})
        else:
            catalog = catalog.extended({RestoreHistory: (history,)})
    return catalog


def _client_programs(catalog: Catalog, around: Surroundings, identity: TargetInfo) -> tuple[ClientPrograms, ...]:
    """Return the programs that a backup from here would use; that there are none is for `dbops doctor` to say."""
    try:
        found = find_client(
            catalog.server.version,
            environ=around.environ,
            bindir=around.client_bindir,
            local=identity.host.startswith("/"),
        )
    except DbopsError:
        return ()
    return (ClientPrograms(tuple(name for name in _PROGRAMS if found.has(name)), found.version, found.origin),)


def _restore_history(log_dir: Path, identity: TargetInfo, now: dt.datetime) -> RestoreHistory | ReadFailure:
    """Return what the kept drills of this database say."""
    if identity.system_identifier is None:
        return ReadFailure(
            "skip",
            "the server does not say which cluster it is, so kept drills cannot be told to be of it",
            f"grant execute on function pg_catalog.pg_control_system() to {identity.user};",
        )
    drills = 0
    last: Verdict | None = None
    for report in previous_reports(log_dir / DRILL_FOLDER, identity.system_identifier, identity.database):
        if report.restorability is Verdict.PASS:
            return RestoreHistory(_seconds_since(report, now), report.run_id, drills, last)
        if report.restorability is not None:
            drills += 1
            last = last or report.restorability
    return RestoreHistory(None, None, drills, last)


def _seconds_since(report: Report, now: dt.datetime) -> int:
    return max(0, int((now - report.finished_at).total_seconds()))
