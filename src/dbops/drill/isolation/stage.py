"""The transaction that all probes happen in: opened, never committed, each probe in a savepoint of its own.

Rules, in order:

1. No stage that can write opens without the token that dbops puts into its own copies (`token.py`).
2. The session is the restorer's, who is no superuser: planning a query on a restored table runs code of the archive.
3. Triggers and rules are suppressed (`session_replication_role`), since a trigger may rewrite whose a row is and hide
   what the policies let through; row-level security is not suppressed by that.
4. A role is played by SET ROLE with what its sessions would start with; a probe's answer is a number or an SQLSTATE,
   never the text of a message, which is in whatever language the server speaks.

What this does not do: know what a probe means.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection

    from dbops.drill.isolation.statements import Statement
    from dbops.drill.isolation.token import Token

# Classes of SQLSTATEs, and the one for a write where nothing can be written.
_NO_ANSWER = frozenset({"08", "40", "53", "54", "55", "57", "58", "XX"})
_READ_ONLY = "25006"
_SAVEPOINT = sql.SQL("savepoint dbops_probe")
_ONLY_READ = sql.SQL("set local transaction_read_only = on")
_KEEP = sql.SQL("release savepoint dbops_probe")
_BACK = sql.SQL("rollback to savepoint dbops_probe; release savepoint dbops_probe")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement came to: the rows it affected or the values it returned, or the SQLSTATE it was refused with.

    `constraint`: it was a constraint of a table that refused it, not one of a domain that a policy casts to.
    """

    rows: int = 0
    values: tuple[Any, ...] = ()
    sqlstate: str | None = None
    constraint: bool = False

    @property
    def refused(self) -> bool:
        """Whether the server said no, for whatever reason."""
        return self.sqlstate is not None

    @property
    def untold(self) -> bool:
        """Whether it was ended by something that says nothing about rights: time, a lock, memory, a crash.

        Or by the probe's own transaction, in which nothing can be written.
        """
        return self.sqlstate is not None and (self.sqlstate[:2] in _NO_ANSWER or self.sqlstate == _READ_ONLY)


@dataclass(frozen=True, slots=True)
class Actor:
    """An app role asking for `tenant`: None is a session that has never said for whom it asks."""

    role: str
    setting: str
    tenant: str | None = None
    presets: Mapping[str, str] = field(default_factory=dict)

    def asking_for(self, tenant: str | None) -> Actor:
        """Return the same role, asking for another tenant."""
        return Actor(self.role, self.setting, tenant, self.presets)

    def enter(self) -> sql.Composed:
        """Return what makes the session this actor's, until the savepoint is gone."""
        settings = dict(self.presets)
        if self.tenant is not None:
            settings[self.setting] = self.tenant
        statements: list[Statement] = [
            sql.SQL("select pg_catalog.set_config({}, {}, true)").format(sql.Literal(name), sql.Literal(value))
            for name, value in settings.items()
        ]
        return sql.SQL("; ").join([*statements, sql.SQL("set local role {}").format(sql.Identifier(self.role))])


class Stage:
    """An open transaction, of the restorer's (`open_stage`) or one in which the server refuses every write.

    What undoes a probe travels with the next one, in one message: most of a probe's time is the way there and back.
    """

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        self._connection = connection
        self._pending: list[Statement] = []

    @property
    def connection(self) -> Connection[tuple[Any, ...]]:
        """The connection, with nothing of an earlier probe left to undo."""
        if self._pending:
            pending, self._pending = self._pending, []
            self._connection.execute(sql.SQL("; ").join(pending))
        return self._connection

    def may_play(self, actor: Actor) -> bool:
        """Return whether the session may be an actor's; to be asked first, since a refusal looks like a policy's."""
        return not self.attempt(None, actor.enter()).refused

    def attempt(self, actor: Actor | None, statement: Statement, *, only_read: bool = False) -> Answer:
        """Run a statement as an actor, or as the restorer; whatever it did is undone before anything else is done.

        `only_read`: the server refuses whatever would change anything, sequences too, which no rollback brings back.
        """
        opening: list[Statement] = [_SAVEPOINT]
        if only_read:
            opening.append(_ONLY_READ)
        if actor:
            opening.append(actor.enter())
        answer = self._send([*opening, statement])
        self._pending.append(_BACK)
        return answer

    def several(self, actor: Actor, statements: list[Statement]) -> Answer:
        """Run statements one after the other as an actor, undo them, and return the last answer, or the first refusal.

        The server plans and keeps a statement between them, as an application's connection would.
        """
        return self.attempt(actor, sql.SQL("; ").join(statements))

    @contextlib.contextmanager
    def scene(self) -> Iterator[None]:
        """Undo at the end of the block whatever the restorer has done in it."""
        self.connection.execute(_SAVEPOINT)
        try:
            yield
        finally:
            self._pending.append(_BACK)

    def try_to(self, statement: Statement) -> Answer:
        """Run a statement as the restorer and keep what it did, if it did anything."""
        answer = self._send([_SAVEPOINT, statement])
        self._pending.append(_BACK if answer.refused else _KEEP)
        return answer

    def _send(self, statements: list[Statement]) -> Answer:
        """Send what is pending and statements as one message; return the last one's answer, or the first refusal."""
        pending, self._pending = self._pending, []
        try:
            cursor = self._connection.execute(sql.SQL("; ").join([*pending, *statements]))
        except psycopg.Error as error:
            # A message that cannot be parsed is refused as a whole, with what it was to undo: no state to go on from.
            if self._connection.broken or error.sqlstate is None or isinstance(error, psycopg.errors.SyntaxError):
                raise
            of_table = error.sqlstate.startswith("23") and error.diag.table_name is not None
            return Answer(sqlstate=error.sqlstate, constraint=of_table)
        while cursor.nextset():
            pass
        values = cursor.fetchone() if cursor.description else None
        return Answer(max(cursor.rowcount, 0), values or ())


@contextlib.contextmanager
def open_stage(connection: Connection[tuple[Any, ...]], token: Token, *, seconds: float) -> Iterator[Stage]:
    """Begin, set the scene, and roll back at the end whatever happens; one statement may take so many `seconds`.

    Raises UnavailableError where the database does not hold the token: then dbops has not made it.
    """
    limit = max(1, round(seconds * 1000))
    with connection.transaction(force_rollback=True):
        token.demand(connection)
        connection.execute(
            sql.SQL(
                "set local session_replication_role = replica; set local row_security = on;"
                " set local jit = off; set local client_min_messages = error; set local statement_timeout = {}"
            ).format(sql.Literal(limit))
        )
        yield Stage(connection)
