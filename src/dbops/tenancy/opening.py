"""BEGIN and a tenant's setting in one round trip, on a connection of psycopg.

psycopg itself waits for its BEGIN before it sends anything else, in a pipeline too, so this goes a level below: both
commands and one synchronisation leave together, through libpq's pipeline mode, and the two results come back together.
Where the client library has no pipelines, or one is open already, `can_open` says so and the ordinary way is taken.
What it does not do: end the transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus, PipelineStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGresult

    Binding = tuple[str, str]

_BIND = b"select pg_catalog.set_config($1, $2, true)"


def can_open(connection: psycopg.BaseConnection[Any]) -> bool:
    """Say whether both commands can leave together."""
    off = connection.pgconn.pipeline_status == PipelineStatus.OFF
    return off and psycopg.capabilities.has_pipeline()


def opening(connection: psycopg.BaseConnection[Any], binding: Binding) -> PQGen[None]:
    """Begin a transaction with the setting in it; for `connection.wait`, under `connection.lock`."""
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    try:
        pgconn.send_query_params(begin_command(connection), None)
        pgconn.send_query_params(_BIND, [word.encode() for word in binding])
        pgconn.pipeline_sync()
        begun = yield from generators.execute(pgconn)
        bound = yield from generators.fetch_many(pgconn)
        yield from generators.fetch_many(pgconn)  # the synchronisation
    finally:
        # Only an idle pipeline can be left; after an interruption the connection is of no more use.
        if pgconn.status == psycopg.pq.ConnStatus.OK:
            _leave_pipeline(connection)
    _raise_first_error(connection, (*begun, *bound))


def begin_command(connection: psycopg.BaseConnection[Any]) -> bytes:
    """Return BEGIN with what the connection asks of its transactions."""
    words = [b"begin"]
    if connection.isolation_level is not None:
        level = psycopg.IsolationLevel(connection.isolation_level).name.replace("_", " ")
        words.append(b"isolation level " + level.encode())
    if connection.read_only is not None:
        words.append(b"read only" if connection.read_only else b"read write")
    if connection.deferrable is not None:
        words.append(b"deferrable" if connection.deferrable else b"not deferrable")
    return b" ".join(words)


class Opened(psycopg.Transaction):
    """A transaction of psycopg whose BEGIN is sent by `opening`."""

    def _get_enter_commands(self) -> Iterator[bytes]:
        return iter(())


class AsyncOpened(psycopg.AsyncTransaction):
    """The same, asynchronous."""

    def _get_enter_commands(self) -> Iterator[bytes]:
        return iter(())


def _leave_pipeline(connection: psycopg.BaseConnection[Any]) -> None:
    try:
        connection.pgconn.exit_pipeline_mode()
    except psycopg.OperationalError:
        connection.pgconn.finish()
        raise


def _raise_first_error(connection: psycopg.BaseConnection[Any], results: Sequence[PGresult]) -> None:
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
