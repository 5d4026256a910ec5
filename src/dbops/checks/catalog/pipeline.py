"""Run independent statements in one round trip and keep their failures apart.

psycopg's own pipeline cannot: its `sync()` waits, so a sync for each statement is a trip for each. Driven through
`psycopg.pq`, everything is sent at once: a savepoint, the statement, a sync (which ends the skipping that an error
starts), a rollback to the savepoint (which mends the transaction after an error, and is harmless otherwise) and its
release (so that they do not nest). What each statement costs extra is a few microseconds in the server. Rows can be
taken in parts while the server still works, so that a large result never stands in memory twice. Not done here:
deadlines; the session has one, and shuts the socket when it passes.
"""

from __future__ import annotations

import contextlib
import select
from functools import partial
from typing import TYPE_CHECKING

import psycopg
from psycopg import pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg.pq.abc import PGconn, PGresult

_FIRST_SAVEPOINT = b"savepoint dbops_first"
_FIRST_ROLLBACK = b"rollback to savepoint dbops_first"
_FIRST_RELEASE = b"release savepoint dbops_first"
_SAVEPOINT = b"savepoint dbops_read"
_ROLLBACK = b"rollback to savepoint dbops_read"
_RELEASE = b"release savepoint dbops_read"

# How many rows make a part: enough that taking one costs little, few enough to be small beside what is made of them.
_ROWS_AT_ONCE = 500
_CAN_TAKE_PARTS = 170000  # of libpq


def run_apart(
    connection: psycopg.Connection[tuple[object, ...]],
    statements: Sequence[str | Sequence[str]],
    *,
    first: str | None = None,
    take: Callable[[int, PGresult], object] | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Iterator[PGresult]:
    """Yield the result of each statement in order, good (TUPLES_OK) or bad (FATAL_ERROR), one at a time.

    Several statements in the place of one share its savepoint: the last one's result is theirs, or the first one's that
    failed. `first` is run before them, and what it sets for the transaction holds for them and no longer; should it
    fail, they are run once more without it. `take` is given rows as they arrive, with the position of their statement;
    the result that is yielded then has the rest of them, and if it is bad, those that were taken do not count.
    `meanwhile` is called when everything is sent and the server has only begun. The connection has to be inside a
    transaction, and is again when the iterator is exhausted; so exhaust it. Raises psycopg.OperationalError when the
    connection is lost.
    """
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    if first:
        _send(pgconn, _FIRST_SAVEPOINT, first.encode())
        pgconn.pipeline_sync()
    units = [(unit,) if isinstance(unit, str) else tuple(unit) for unit in statements]
    for unit in units:
        _send(pgconn, _SAVEPOINT, *(statement.encode() for statement in unit))
        pgconn.pipeline_sync()
        _send(pgconn, _ROLLBACK, _RELEASE)
    if first:
        pgconn.pipeline_sync()  # what went wrong before it must not skip this
        _send(pgconn, _FIRST_ROLLBACK, _FIRST_RELEASE)
    pgconn.pipeline_sync()
    if meanwhile:
        pgconn.flush()
        meanwhile()
    prepared = not first or _take_first(pgconn)
    for number, unit in enumerate(units):
        # The savepoint's own is among them: it fails when the transaction is lost, and the rest then says no more.
        results = [_next_result(pgconn) for _ in range(len(unit))]
        results.append(_taken_result(pgconn, partial(take, number)) if take and prepared else _next_result(pgconn))
        _sync = _next_result(pgconn)
        if prepared:
            yield next((result for result in results if result.status == pq.ExecStatus.FATAL_ERROR), results[-1])
        # Not before: the server sends these with what the next sync ends, and the caller has work to do meanwhile.
        _rolled_back, _released = (_next_result(pgconn) for _ in range(2))
    for _ in range(4 if first else 1):  # the syncs, and what ends `first`
        _next_result(pgconn)
    pgconn.exit_pipeline_mode()
    if not prepared:
        yield from run_apart(connection, statements, take=take)


def take_in(pgconn: PGconn) -> None:
    """Take in what the server has sent, and wait for nothing: while nobody does, its statement's time runs out."""
    here = select.poll()
    here.register(pgconn.socket, select.POLLIN)
    while here.poll(0) and pgconn.status == pq.ConnStatus.OK:
        pgconn.consume_input()


def _send(pgconn: PGconn, *statements: bytes) -> None:
    for statement in statements:
        pgconn.send_query_params(statement, None)


def _take_first(pgconn: PGconn) -> bool:
    """Return whether the first statement succeeded."""
    _savepoint, result, _sync = (_next_result(pgconn) for _ in range(3))
    return result.status == pq.ExecStatus.TUPLES_OK


def _taken_result(pgconn: PGconn, take: Callable[[PGresult], object]) -> PGresult:
    """Return the last result of the next statement, after the parts that came before it have been taken."""
    if pq.version() < _CAN_TAKE_PARTS:
        return _next_result(pgconn)
    # The mode can be set only between the end of one statement's results and the beginning of the next one's.
    if _poll_result(pgconn) is not None:
        raise AssertionError("a statement had two results")
    with contextlib.suppress(psycopg.Error):  # where a failure has ended the round, no rows will come
        pgconn.set_chunked_rows_mode(_ROWS_AT_ONCE)
    while (result := _next_result(pgconn)).status == pq.ExecStatus.TUPLES_CHUNK:
        take(result)
    return result


def _next_result(pgconn: PGconn) -> PGresult:
    """Return the next result, waiting for it; the empty ones that end each statement's results are passed over."""
    for _ in range(2):
        if (result := _poll_result(pgconn)) is not None:
            return result
    raise psycopg.OperationalError(pgconn.get_error_message() or "the server closed the connection")


def _poll_result(pgconn: PGconn) -> PGresult | None:
    """Return what comes next, waiting for it: a result, or None at the end of a statement's."""
    while pgconn.flush() == 1 or pgconn.is_busy():
        _wait(pgconn)
        pgconn.consume_input()
    # What has gone wrong with a lost connection is only told to who asks for its status.
    return pgconn.get_result() if pgconn.status == pq.ConnStatus.OK else None


def _wait(pgconn: PGconn) -> None:
    """Wait until the socket can be read, or, while something is left to send, written."""
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN | (select.POLLOUT if pgconn.flush() else 0))
    poll.poll()
