"""A base backup and a frozen archive, recovered to a target in a throw-away server, without harm to their source.

A restored data directory started as it is attacks its source: it archives into the production archive, streams from the
primary, runs the commands in its configuration. The rules:

1. In the copy `postgresql.auto.conf` is emptied (it would still be read), and what makes a standby or says that a
   server runs is removed. Configuration, pg_hba.conf and pg_ident.conf are ours; those that were restored are never
   read.
2. What reaches out is switched off on the command line, and asked back before anything else: no archiving, no preloaded
   library, no listening, no receiver of WAL.
3. Only a target that must exist proves anything: recovery to "latest" ends well over every hole. Reached means that
   replay is *paused*; a server that takes connections may still die with "ended before configured recovery target".
4. A time that is not after the end of the base backup is refused: the server may pause happily, in the wrong state.
5. Questions are asked as the role that connects to the source, never as superuser; nothing is promoted or written.

What this does not do: take the backup, look for holes, or judge what was recovered.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from dbops.connection.server import ScratchServer
from dbops.connection.session import read_only
from dbops.drill.pitr.snapshots import Finished
from dbops.drill.pitr.wal import format_lsn, parse_lsn
from dbops.errors import DbopsError, DeadlineError, ProgramFailedError, UnavailableError
from dbops.secrets import redact

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from dbops.connection.binaries import Binaries
    from dbops.connection.deadline import Deadline
    from dbops.connection.session import Session
    from dbops.connection.target import Target
    from dbops.drill.pitr.base import BaseBackup

_POLL_SECONDS = 0.02
_DYING_SECONDS = 5.0
_REMOVED = ("standby.signal", "recovery.signal", "postmaster.pid", "postmaster.opts")
# Everything that reaches beyond the copy, or would run what the source's configuration says.
_HARMLESS = {
    "archive_mode": "off",
    "archive_command": "",
    "recovery_end_command": "",
    "archive_cleanup_command": "",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "shared_preload_libraries": "",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "synchronous_standby_names": "",
    "max_logical_replication_workers": "0",
    "ssl": "off",
    "listen_addresses": "",
    "hot_standby": "on",
}
# An unknown name ends the server, so what came with a major is given from there on.
_HARMLESS_SINCE = {
    15: {"archive_library": ""},
    17: {"event_triggers": "off", "sync_replication_slots": "off", "summarize_wal": "off"},
}
_CONFIRMED = {"archive_mode": "off", "listen_addresses": "", "hot_standby": "on", "ssl": "off"}
_NOT_REACHED = "recovery ended before configured recovery target was reached"
_IN_THE_FUTURE = "22023"
_GIVES_UP = frozenset({"FATAL", "PANIC"})
_TOO_SMALL = re.compile(r"insufficient parameter settings")


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a recovery is to stop; `settings` are PostgreSQL's."""

    words: str
    settings: Mapping[str, str]

    @classmethod
    def to_time(cls, moment: dt.datetime, base: BaseBackup) -> Goal:
        """Return a stop before the first commit after `moment`. Raises UnavailableError for one the backup is after."""
        if moment <= base.ended:
            raise UnavailableError(
                f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC is not after the end of the base backup"
                f" ({base.ended:%Y-%m-%d %H:%M:%S.%f} UTC): a recovery to it may stop in the wrong state",
                hint="recover from a base backup that was complete before that moment",
            )
        text = f"{moment:%Y-%m-%d %H:%M:%S.%f}+00"
        return cls(f"the time {text}", {"recovery_target_time": text, "recovery_target_inclusive": "on"})

    @classmethod
    def to_position(cls, lsn: int) -> Goal:
        """Return a stop at the first record that begins at or after `lsn`."""
        text = format_lsn(lsn)
        return cls(f"the position {text}", {"recovery_target_lsn": text, "recovery_target_inclusive": "on"})


class NotReachedError(UnavailableError):
    """The log ended before the target: something that must be there is not."""


class RecoveredServer(ScratchServer):
    """A hot standby that is paused at a target, made from a copy of the base backup.

    `durable` False skips fsync, for a recovery that is not timed. Raises NotReachedError where the log ends before the
    target, else what starting a server raises.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (each is a property of the recovery)
        self,
        binaries: Binaries,
        base: BaseBackup,
        frozen: Path,
        goal: Goal,
        source: Target,
        deadline: Deadline,
        *,
        durable: bool = True,
    ) -> None:
        settings = {**base_settings(binaries.major, base), **restoring(frozen), **goal.settings}
        if not durable:
            settings["fsync"] = "off"
        super().__init__(binaries, settings=settings, network_isolated=True)
        self.goal = goal
        self._base = base
        self._source = source
        self._deadline = deadline
        left = deadline.left()
        self._start_seconds = left if left is not None else float(24 * 3600)

    @property
    def reader(self) -> Target:
        """How to reach the copy as the role, and in the database, that the source is read with."""
        return self.target(self._source.database, user=self._source.user)

    def _initdb(self) -> None:
        """Put the base backup where initdb would have made a cluster, and make it safe to start."""
        logs = self._own(self.directory / "log")
        self._settings["log_directory"] = str(logs)
        self.log_path = logs / self.log_path.name
        try:
            shutil.copytree(self._base.directory, self.data_directory, symlinks=True, dirs_exist_ok=True)
        except OSError as error:
            raise UnavailableError(
                f"the base backup could not be copied to {self.data_directory}: {_first_reason(error)}",
                hint="name a larger place with TMPDIR, or run dbops as a user who may read the base backup",
            ) from error
        self.data_directory.chmod(0o700)
        make_safe(self.data_directory)
        for name, setting, text in (
            ("postgresql.conf", "config_file", ""),
            # Only the user of this process can enter the socket's directory, and a standby can be given no passwords.
            ("pg_hba.conf", "hba_file", "local all all trust\n"),
            ("pg_ident.conf", "ident_file", ""),
        ):
            path = self.directory / name
            path.write_text(text, encoding="ascii")
            path.chmod(0o644)
            self._settings[setting] = str(path)
        if self.run_as:
            _give_tree(self.data_directory, self.run_as.uid, self.run_as.gid)

    def start(self) -> None:
        """Start the server; it takes connections when it is consistent, which is before the target."""
        with self._explaining():
            super().start()

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Turn what goes wrong while the server dies into why it died: connections go a moment before it does."""
        try:
            yield
        except DeadlineError:
            raise
        except UnavailableError as error:
            if self._running is None or self._process.wait(_DYING_SECONDS) is None:
                raise
            raise self._explained(error) from error

    def _explained(self, error: DbopsError) -> DbopsError:
        """Return the error in the words of recovery, where the server's log has them."""
        said = self._why_recovery_ended()
        if _NOT_REACHED in said:
            return NotReachedError(
                f"the log ended before {self.goal.words}: {said}",
                hint="a segment is missing, damaged or unreadable; take a new base backup, then see archive_command",
            )
        if _TOO_SMALL.search(said):
            return UnavailableError(
                f"the copy's settings are smaller than the source's: {said}",
                hint="the source's limits were raised while the drill went on; run it again",
            )
        return ProgramFailedError(f"the recovery to {self.goal.words} ended: {said}") if said else error

    def _why_recovery_ended(self) -> str:
        """Return why the process that replays gave up; its last words are followed by those of everybody else."""
        found = ""
        with contextlib.suppress(OSError), self.log_path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if entry.get("backend_type") == "startup" and entry.get("error_severity") in _GIVES_UP:
                        found = "; ".join(entry[key] for key in ("message", "detail") if entry.get(key))
        return redact(found)

    def _confirm_settings(self) -> None:
        with read_only(self.reader, deadline=self._deadline.left()) as session:
            rows = session.fetch_all(
                "select name, setting from pg_catalog.pg_settings where name = any(%s) order by name",
                [list(_CONFIRMED)],
            )
            wrong = {name: value for name, value in rows if value != _CONFIRMED[name]}
            receivers = session.fetch_all("select pg_catalog.count(*) from pg_catalog.pg_stat_wal_receiver")[0][0]
        if wrong or len(rows) != len(_CONFIRMED) or receivers:
            raise UnavailableError(
                f"the recovered copy is not cut off from its source ({wrong or 'it receives WAL'}), and has been ended"
            )

    def await_paused(self) -> None:
        """Return when replay is paused at the target. Raises NotReachedError, DeadlineError."""
        with (
            self._explaining(),
            read_only(self.reader, deadline=self._deadline.left(), idle_timeout=None) as session,
        ):
            while _pause_state(session) != "paused":
                if self._process.wait(_POLL_SECONDS) is not None:
                    raise ProgramFailedError(f"the scratch server ended: {self.last_words()}")
                self._deadline.left()

    def replayed(self) -> tuple[int, Finished]:
        """Return how far replay came, and which transactions are finished."""
        with read_only(self.reader, deadline=self._deadline.left()) as session:
            lsn, finished = session.fetch_all(
                "select pg_catalog.pg_last_wal_replay_lsn()::text, pg_catalog.pg_current_snapshot()::text"
            )[0]
        return parse_lsn(lsn), Finished.parse(finished)

    def has(self, xid: int) -> bool:
        """Tell whether a transaction of the source is committed here.

        In progress, aborted, and "in the future" are three spellings of no.
        """
        with read_only(self.reader, deadline=self._deadline.left()) as session:
            try:
                status = session.fetch_all("select pg_catalog.pg_xact_status(%s::text::pg_catalog.xid8)", [str(xid)])
            except psycopg.Error as error:
                if error.sqlstate != _IN_THE_FUTURE:
                    raise
                return False
        return bool(status[0][0] == "committed")


def _pause_state(session: Session) -> str:
    return str(session.fetch_all("select pg_catalog.pg_get_wal_replay_pause_state()")[0][0])


def base_settings(major: int, base: BaseBackup) -> dict[str, str]:
    """Return what makes a copy harmless, and large enough to replay what its source wrote."""
    settings = dict(_HARMLESS)
    for since, more in _HARMLESS_SINCE.items():
        if major >= since:
            settings.update(more)
    return {
        **settings,
        **{name: str(value) for name, value in base.limits.items()},
        "recovery_target_timeline": "current",
        "recovery_target_action": "pause",
        # "restored log file …" and why recovery stopped are said at this level.
        "log_min_messages": "log",
    }


def restoring(frozen: Path) -> dict[str, str]:
    """Return how segments are fetched from a frozen archive.

    1 says "not there"; any other failure to read must end the recovery instead of passing for the end of the log.
    """
    place = shlex.quote(str(frozen)).replace("%", "%%")
    return {"restore_command": f'test -e {place}/%f || exit 1; cp {place}/%f "%p" || exit 255'}


def make_safe(data: Path) -> None:
    """Take out of a restored data directory what would act on its source, and make it recover from the archive."""
    auto = data / "postgresql.auto.conf"
    if auto.exists():
        auto.write_bytes(b"")
    for name in _REMOVED:
        (data / name).unlink(missing_ok=True)
    (data / "recovery.signal").touch(mode=0o600)


def _first_reason(error: OSError) -> str:
    """Return why a tree could not be copied; a copy of many files collects its errors."""
    first = error.args[0] if error.args else error
    if isinstance(first, list) and first:
        return str(first[0][-1])
    return error.strerror or str(error)


def _give_tree(directory: Path, uid: int, gid: int) -> None:
    for folder, _, names in os.walk(directory):
        os.chown(folder, uid, gid)
        for name in names:
            os.chown(Path(folder, name), uid, gid, follow_symlinks=False)
