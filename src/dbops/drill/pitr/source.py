"""The server that is drilled: what it says of its log and archiver, and the canaries that are sent into its log.

Rules, in order:

1. Every statement is a READ ONLY transaction of its own. A canary is one too: it touches no table, and its commit is in
   the log. It is sent only when the caller was asked to.
2. Times are the server's clock, never this machine's.
3. `pg_stat_archiver` says what archive_command answered, and a command can lie; the archive's own listing decides.

What this does not do: take a base backup, or look into the archive.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from dbops.connection.session import read_only
from dbops.drill.pitr.snapshots import Finished
from dbops.drill.pitr.wal import Segments, is_segment, parse_lsn
from dbops.errors import DbopsError, PrivilegeError, UnavailableError
from dbops.quantities import counted

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from dbops.connection.session import Session
    from dbops.connection.target import Target
    from dbops.model import TargetInfo

_OLDEST = 15


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """One row of `source.sql`."""

    segment_bytes: int
    in_recovery: bool
    archive_mode: str
    archive_command: str
    archive_library: str
    archive_timeout_seconds: int
    superuser: bool
    may_replicate: bool
    sees_all_rows: bool
    may_switch: bool
    may_see_status: bool
    database_bytes: int
    cluster_bytes: int | None
    tablespaces: int
    limits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Archiver:
    """One row of `archiver.sql`."""

    archived: int
    last_archived: str | None
    last_archived_at: dt.datetime | None
    failed: int
    last_failed: str | None
    last_failed_at: dt.datetime | None

    def claims(self, segments: Segments, number: int) -> bool:
        """Tell whether the server was told that this segment, or a later one, is archived."""
        name = (self.last_archived or "")[:24]  # it may be the label of a backup, or a history file
        return is_segment(name) and segments.mine(name) and segments.number(name) >= number


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the server stood at a moment of its clock."""

    at: dt.datetime
    lsn: int
    finished: Finished


@dataclass(frozen=True, slots=True)
class Canary:
    """A commit that is known: its transaction, and where the log ended after it."""

    name: str
    xid: int
    end: Moment


@dataclass(slots=True)
class Source:
    """The server, in a session that asks one thing at a time; `switching` is where the role may finish a segment."""

    session: Session
    info: TargetInfo
    facts: SourceFacts
    canaries: int = 0
    switching: Target | None = None

    @property
    def segments(self) -> Segments:
        """The arithmetic of its segments."""
        return Segments(self.info.timeline or 1, self.facts.segment_bytes)

    @property
    def major(self) -> int:
        """Its major version."""
        return self.session.server_version // 10000

    def moment(self) -> Moment:
        """Return where the server stands now."""
        at, lsn, finished = self._alone(_text("moment"))[0]
        return Moment(at, parse_lsn(lsn), Finished.parse(finished))

    def archiver(self) -> Archiver:
        """Return what the server says of its archiver."""
        return Archiver(*self._alone(_text("archiver"))[0])

    def waiting(self) -> tuple[int, dt.datetime | None] | None:
        """Return how many finished segments are not archived, and since when; None where that is not told."""
        if not self.facts.may_see_status:
            return None
        segments, oldest = self._alone(_text("waiting"))[0]
        return segments, oldest

    def finished_at(self, segment: str) -> dt.datetime | None:
        """Return when the server finished a segment, None where it does not say so any more."""
        if not self.facts.may_see_status:
            return None
        rows = self._alone(sql.SQL(_text("finished_at")).format(segment=sql.Literal(segment)))
        return rows[0][0] if rows else None

    def emit(self, name: str, run_id: str) -> Canary:
        """Commit a canary. What is written: one message in the log, no row of any table."""
        text = sql.Literal(f"drill {run_id} {name}")
        xid, _ = self._alone(sql.SQL(_text("canary")).format(text=text))[0]
        self.canaries += 1
        return Canary(name, int(xid), self.moment())

    def switch(self, where: Target) -> str:
        """Finish the current segment, in the database where this role may, and return its name."""
        with read_only(where) as session:
            return str(session.fetch_all(_text("switch"))[0][0])

    def _alone(self, query: str | sql.Composed) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own, and commit it."""
        whole = sql.SQL("{}{};commit").format(
            sql.SQL(_text("begin_alone")), sql.SQL(query) if isinstance(query, str) else query
        )
        try:
            cursor = self.session.connection.execute(whole)
        except psycopg.Error:
            with contextlib.suppress(psycopg.Error):
                self.session.connection.execute("rollback")
            raise
        rows: list[tuple[Any, ...]] = []
        while True:
            if cursor.description:
                rows = cursor.fetchall()
            if not cursor.nextset():
                return rows


@contextlib.contextmanager
def open_source(target: Target, deadline: float | None, *, takes_base: bool) -> Iterator[Source]:
    """Connect to the server that is drilled. Raises UnavailableError where it cannot be drilled to a moment.

    `takes_base`: a base backup is to be taken from it.
    """
    with read_only(target, idle_timeout=None, deadline=deadline) as session:
        info = session.info()
        with session.connection.cursor(row_factory=class_row(SourceFacts)) as cursor:
            facts = cursor.execute(_text("source").encode()).fetchall()[0]
        _refuse(facts, info, session.server_version)
        if takes_base:
            _refuse_base(facts, info)
        # From here on every statement has a transaction of its own.
        session.connection.execute("rollback")
        yield Source(session, info, facts, switching=_where_to_switch(target, facts))


def _where_to_switch(target: Target, facts: SourceFacts) -> Target | None:
    """Return where the role may execute pg_switch_wal(): a right on that function is kept per database.

    It may have it in `postgres` alone, and better so: a dump of a database carries rights on system functions with it,
    and whoever restores that dump without superuser fails at them.
    """
    if facts.may_switch:
        return target
    maintenance = target.with_database("postgres")
    with contextlib.suppress(DbopsError), read_only(maintenance) as session:
        if session.fetch_all("select pg_catalog.has_function_privilege('pg_catalog.pg_switch_wal()', 'execute')")[0][0]:
            return maintenance
    return None


def _refuse(facts: SourceFacts, info: TargetInfo, version: int) -> None:
    if version // 10000 < _OLDEST:
        raise UnavailableError(
            f"a recovery of PostgreSQL {version // 10000} is not drilled: why it ends is read from a log in JSON, which"
            f" servers write since {_OLDEST}",
            hint="drill its dumps instead: dbops drill --depth restore",
        )
    if facts.in_recovery:
        raise UnavailableError(
            "the server is a standby: it commits nothing of its own, so no recovery can be proven on it",
            hint="name the primary",
        )
    if facts.archive_mode == "off":
        raise UnavailableError(
            "the server archives no WAL (archive_mode = off), so there is nothing to recover to a moment with",
            hint="set archive_mode = on and an archive_command, restart it, and take a base backup",
        )
    if info.system_identifier is None or info.timeline is None:
        raise PrivilegeError(
            "the server does not tell which cluster and timeline it is, so its WAL cannot be told from others'",
            hint=f'grant execute on function pg_control_system(), pg_control_checkpoint() to "{info.user}"',
        )


def _refuse_base(facts: SourceFacts, info: TargetInfo) -> None:
    if not facts.may_replicate:
        raise PrivilegeError(
            f"the role {info.user} may not take a base backup: it lacks the REPLICATION attribute",
            hint=f'as a superuser: alter role "{info.user.replace(chr(34), chr(34) * 2)}" replication; and a line for'
            " it in pg_hba.conf: host replication …",
        )
    if facts.tablespaces:
        raise UnavailableError(
            f"the cluster has {counted(facts.tablespaces, 'tablespace')} of its own, whose links a copy on this"
            " machine would"
            " share with it; this drill does not go there",
            hint="drill its dumps instead: dbops drill --depth restore",
        )


def _text(name: str) -> str:
    return resources.files(__package__ or "dbops.drill.pitr").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
