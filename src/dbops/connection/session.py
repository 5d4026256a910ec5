"""Sessions with PostgreSQL: the one place that connects.

`read_only()` is what dbops looks through: one REPEATABLE READ READ ONLY transaction with timeouts on both sides.
`scratch()` is the only session that can write, and it takes nothing but a server that dbops itself started. The rules:

1. No start-up `options` of ours: PgBouncer refuses them. What guards the session is set inside its transaction.
2. Server-side timeouts do not fire in a stopped backend, so the client has a deadline of its own, and it does not ask
   the server's leave: it shuts the socket.
3. libpq reads `PG*` behind our back; it is not let, since a `Target` already holds what they say.
4. Every error of psycopg leaves here as one of ours, redacted.

What it does not do: retry, pool, or prepare statements (a transaction pooler would lose them).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import capabilities
from psycopg.pq import TransactionStatus

from dbops import __version__
from dbops.connection.blockers import blockers
from dbops.connection.dsn import KEYWORDS
from dbops.connection.refusals import LOCK_NOT_AVAILABLE, connection_error, statement_error
from dbops.connection.target import CONNECT_TIMEOUT_SECONDS
from dbops.errors import DeadlineError
from dbops.model import TargetInfo
from dbops.secrets import remember

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg.sql import SQL, Composed

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

APPLICATION_NAME = f"dbops/{__version__}"
_LIBPQ_VARIABLES = frozenset({v for v in KEYWORDS.values() if v} | {"PGSERVICEFILE", "PGTZ", "PGDATESTYLE", "PGGEQO"})
_environment_lock = threading.Lock()

# How long the server may take to accept a cancel request before its socket is shut all the same.
_CANCEL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server says about itself and this session; None where it is not told."""

    version: str
    version_number: int
    user: str
    database: str
    is_superuser: bool
    in_recovery: bool
    tls_version: str | None
    system_identifier: str | None = None
    timeline: int | None = None


class Session:
    """A guarded session: reads only, inside one transaction that sees one moment."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], target: Target) -> None:
        self.connection = connection
        self.target = target

    @property
    def server_version(self) -> int:
        """The server's version as a number, as in 150018."""
        return self.connection.info.server_version

    @cached_property
    def facts(self) -> ServerFacts:
        """What the server says about itself, read once; the cluster's identity is None where it is withheld."""
        # Released again: in a subtransaction no snapshot can be exported.
        release = "release savepoint dbops_facts"
        everything = ("savepoint dbops_facts", _sql("server_facts.sql"), _sql("cluster_identity.sql"), release)
        try:
            # One string is one round trip; the savepoint keeps the transaction usable where the last read is refused.
            cursor = self.connection.execute(";\n".join(everything).encode())
        except psycopg.errors.InsufficientPrivilege:
            self.connection.execute(f"rollback to savepoint dbops_facts; {release}".encode())
            return ServerFacts(*self.fetch_all(_sql("server_facts.sql"))[0])
        cursor.nextset()
        facts = cursor.fetchall()[0]
        cursor.nextset()
        return ServerFacts(*(facts + cursor.fetchall()[0]))

    @property
    def is_superuser(self) -> bool:
        """Whether the session runs as a superuser."""
        return self.facts.is_superuser

    def info(self) -> TargetInfo:
        """Return what a report says about the target; costs a round trip the first time."""
        facts = self.facts
        return TargetInfo(
            host=self.connection.info.host or self.target.host,
            port=self.connection.info.port,
            database=facts.database,
            user=facts.user,
            server_version=facts.version,
            system_identifier=facts.system_identifier,
            timeline=facts.timeline,
            tls=self._tls(facts),
        )

    def _tls(self, facts: ServerFacts) -> str:
        """Return how this side of the connection is protected (behind a pooler the server knows only its own)."""
        if self.connection.info.host.startswith(("/", "@")):
            return "unix socket"
        if not self.connection.pgconn.ssl_in_use:
            return "off"
        mode = self.target.parameters.get("sslmode", "prefer")
        if self.target.parameters.get("sslrootcert") == "system":
            mode = "verify-full"
        verified = {"verify-full": "certificate and host verified", "verify-ca": "certificate verified"}
        return f"{facts.tls_version or 'on'}, {verified.get(mode, 'not verified')}"

    def fetch_all(
        self, query: str | bytes | SQL | Composed, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[Any]:
        """Return every row of `query` as a tuple."""
        return self.connection.execute(query, parameters).fetchall()


@contextlib.contextmanager
def read_only(  # noqa: PLR0913  (each is one guard)
    target: Target,
    *,
    application_name: str = APPLICATION_NAME,
    statement_timeout: float | None = 15.0,
    lock_timeout: float | None = 1.0,
    idle_timeout: float | None = 60.0,
    deadline: float | None = None,
) -> Iterator[Session]:
    """Open the guarded session; all times in seconds, None for no limit.

    `idle_timeout` is how long the transaction may stand idle between two statements, `deadline` the wall-clock limit of
    the whole session, kept by this side. An
    error of psycopg in the body leaves as ours, a passed deadline as DeadlineError.
    """
    limits = {
        "statement_timeout": _milliseconds(statement_timeout),
        "lock_timeout": _milliseconds(lock_timeout),
        "idle_timeout": _milliseconds(idle_timeout),
    }
    connection = _connect(target, application_name, deadline)
    with _closing(connection, target, deadline):
        connection.execute(_sql("begin_read_only.sql").format(**limits).encode())
        try:
            yield Session(connection, target)
        except BaseException:
            with contextlib.suppress(psycopg.Error):  # what happened in the body is what the caller hears of
                _leave_transaction(connection)
            raise
        _leave_transaction(connection)


@contextlib.contextmanager
def scratch(
    server: ScratchServer, database: str, *, user: str | None = None
) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Open a session that can write, in autocommit, on a server that dbops itself started and on no other."""
    from dbops.connection.server import ScratchServer

    if not isinstance(server, ScratchServer):
        raise TypeError(f"dbops writes only to servers it started itself, not to a {type(server).__name__}")
    target = server.target(database, user=user)
    connection = _connect(target, APPLICATION_NAME, None)
    with _closing(connection, target, None):
        yield connection


def _leave_transaction(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Roll back: a pooler throws away a server connection whose client leaves inside a transaction."""
    if connection.info.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
        connection.execute("rollback")


def _connect(target: Target, application_name: str, deadline: float | None) -> psycopg.Connection[tuple[Any, ...]]:
    timeout = target.parameters.get("connect_timeout", CONNECT_TIMEOUT_SECONDS)
    if deadline is not None:
        asked = int(timeout)
        # To libpq, 0 and less is to wait without limit.
        timeout = str(max(1, int(deadline) if asked <= 0 else min(asked, int(deadline))))
    parameters: dict[str, Any] = {**target.other_secrets, "connect_timeout": timeout}
    if target.password is not None:
        parameters["password"] = target.password
    try:
        with _without_libpq_variables():
            connection = psycopg.connect(
                target.conninfo(),
                autocommit=True,
                prepare_threshold=None,
                client_encoding="utf8",
                application_name=application_name,
                **parameters,
            )
    except psycopg.Error as error:
        # `from None`: the original's text may hold what redaction has just taken out of ours.
        raise connection_error(error, target) from None
    if used := connection.pgconn.password:  # what libpq found in a passfile
        remember(used.decode(errors="replace"))
    return connection


@contextlib.contextmanager
def _without_libpq_variables() -> Iterator[None]:
    """Hide `PG*` from libpq while it connects; a stray PGSERVICE or PGOPTIONS would change a finished target."""
    with _environment_lock:
        hidden = {name: os.environ.pop(name) for name in _LIBPQ_VARIABLES & os.environ.keys()}
        try:
            yield
        finally:
            os.environ.update(hidden)


@contextlib.contextmanager
def _closing(connection: psycopg.Connection[tuple[Any, ...]], target: Target, deadline: float | None) -> Iterator[None]:
    """Close `connection` at the end or when `deadline` passes; turn psycopg's errors into ours."""
    guard = _Deadline(connection, deadline)
    try:
        yield
    except psycopg.Error as error:
        if guard.passed:
            raise DeadlineError(
                f"{target.describe()}: the session passed its deadline of {deadline:g} s and was closed",
                hint="give it longer with --timeout; a server that hangs looks the same: try `select 1` in psql",
            ) from None
        blocked_by = blockers(connection) if error.sqlstate == LOCK_NOT_AVAILABLE else None
        raise statement_error(error, target, blocked_by) from None
    finally:
        guard.end()
        connection.close()


class _Deadline:
    """Ends a session from outside when its time is up: asks the server to cancel, then shuts the socket regardless."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], seconds: float | None) -> None:
        self.passed = False
        self._connection = connection
        self._ended = False
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        if seconds is not None:
            self._timer = threading.Timer(seconds, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        # Under the lock, so that the descriptor cannot be closed, and given to another file, in between.
        with self._lock:
            if self._ended:
                return
            self.passed = True
            if capabilities.has_cancel_safe():  # the older cancel blocks for as long as the server hangs
                with contextlib.suppress(psycopg.Error):
                    self._connection.cancel_safe(timeout=_CANCEL_SECONDS)
            with contextlib.suppress(OSError, psycopg.Error):
                duplicate = socket.socket(fileno=os.dup(self._connection.fileno()))
                with duplicate:
                    duplicate.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Disarm; waits for an expiry that is under way."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._ended = True


def _milliseconds(seconds: float | None) -> int:
    """Return a limit as PostgreSQL takes it; 0 is none, so what rounds to 0 becomes 1."""
    return 0 if seconds is None else max(1, round(seconds * 1000))


def _sql(name: str) -> str:
    return resources.files(__package__ or "dbops.connection").joinpath(name).read_text(encoding="utf-8")
