"""Read a `Catalog` from a server: every read in one round trip, the failures of each kept apart.

A read that the role may not make becomes a skip with its GRANT; one that failed otherwise (a timeout, a lock, a column
this server lacks) an error with the server's words. Neither ends the run, and neither looks like an empty result. The
plans of statements take a second round trip, since the statements have to be read first.
"""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from psycopg import adapt, pq

from dbops.checks.catalog.pipeline import run_apart
from dbops.checks.catalog.reads import Read, notice_busy, reads
from dbops.checks.catalog.rows.queries import LoggedStatement, Plan, PlanNode
from dbops.checks.catalog.rows.relations import BusyRelation
from dbops.checks.catalog.snapshot import Arrival, Catalog, ReadFailure, Server
from dbops.checks.explain import explain_workload
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from psycopg import abc
    from psycopg.pq.abc import PGresult

    from dbops.connection.session import Session

_INSUFFICIENT_PRIVILEGE = "42501"
# By SQLSTATE, for reads of an extension's views: what is the matter, and what to do.
_NO_EXTENSION = {
    "42P01": (
        "the extension {extension} is not in this database, or its schema is closed to this role",
        "create extension {extension};",
    ),
    "55000": (
        "the library of the extension {extension} is not loaded",
        "name {extension} in shared_preload_libraries and restart the server",
    ),
}
_HINTS = {
    "57014": "give it longer with --timeout, or run the audit again when the server is less busy or nobody cancels it",
    "55P03": "another session holds a lock that blocks readers; run the audit again when it has ended",
}


def read_catalog(
    session: Session,
    wanted: Iterable[type[tuple[object, ...]]] | None = None,
    *,
    logged: tuple[LoggedStatement, ...] | None = None,
) -> Catalog:
    """Return a snapshot with the `wanted` reads, all of them by default, and what a slow log says (`logged`).

    Costs one round trip, and another if there are statements to explain.
    """
    kinds = {*reads(), Plan} if wanted is None else set(wanted)
    return with_plans(session, begin_catalog(session, wanted, logged=logged), kinds)


def begin_catalog(
    session: Session,
    wanted: Iterable[type[tuple[object, ...]]] | None = None,
    *,
    logged: tuple[LoggedStatement, ...] | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Catalog:
    """Return a snapshot of which the `wanted` reads are still to arrive, in the order in which they are named.

    `meanwhile` is called when the server has everything to do. The session serves nothing else until all are there.
    """
    facts = session.facts
    server = Server(session.server_version, facts.database, facts.user, facts.is_superuser, facts.in_recovery)
    kinds = dict.fromkeys([BusyRelation, *(reads() if wanted is None else wanted)])
    chosen = [reads()[kind] for kind in kinds if kind in reads()]
    rows: Mapping[type[tuple[object, ...]], tuple[Any, ...]] = {} if logged is None else {LoggedStatement: logged}
    return Catalog(server, rows, arriving=_arriving(session, server, chosen, meanwhile))


def _arriving(
    session: Session, server: Server, chosen: Sequence[Read], meanwhile: Callable[[], object] | None
) -> Iterator[Arrival]:
    """Yield each read as soon as the server has answered it."""
    decode = adapt.Transformer(session.connection)
    decoded = [_Rows(read, decode) for read in chosen]
    results = run_apart(
        session.connection,
        [read.statements(server.version) for read in chosen],
        first=notice_busy(),
        take=lambda number, part: decoded[number].take(part),
        meanwhile=meanwhile,
    )
    for taken, result in zip(decoded, results, strict=True):
        if result.status == pq.ExecStatus.TUPLES_OK:
            taken.take(result)
            yield taken.read.row, taken.rows()
        else:
            yield taken.read.row, _failure(taken.read, result, server)


def with_plans(session: Session, catalog: Catalog, wanted: Container[type[tuple[object, ...]]]) -> Catalog:
    """Return the snapshot when all of it has arrived, if it is `wanted` with the plans of the statements it holds."""
    with without_cycle_collection():
        catalog.wait_for()
    if Plan not in wanted:
        return catalog
    answer = explain_workload(session, catalog)
    if isinstance(answer, ReadFailure):
        return catalog.extended({}, {Plan: answer, PlanNode: answer})
    plans, nodes = answer
    return catalog.extended({Plan: plans, PlanNode: nodes})


class _Rows:
    """The rows of one read as they arrive, as instances of its class; a statement that does not fit it is a bug."""

    def __init__(self, read: Read, decode: abc.Transformer) -> None:
        self.read = read
        self._decode = decode
        self._make: Callable[[Any], Any] | None = None
        self._rows: list[Any] = []

    def take(self, result: PGresult) -> None:
        """Add the rows of a result, or of a part of one."""
        if self._make is None:
            returned = tuple((result.fname(i) or b"").decode() for i in range(result.nfields))
            expected = tuple(get_type_hints(self.read.row))
            if returned != expected:
                raise AssertionError(f"{self.read.name}.sql returns {returned}, its class has {expected}")
            self._make = _maker(self.read.row)
        self._decode.set_pgresult(result)
        self._rows += self._decode.load_rows(0, result.ntuples, self._make)

    def rows(self) -> tuple[Any, ...]:
        """Return all of them; a class that must not keep what the server sent says so by having `received`."""
        if hasattr(self.read.row, "received"):
            return tuple(row.received() for row in self._rows)
        return tuple(self._rows)


def _maker(row: type[Any]) -> Callable[[Any], Any]:
    """Return what makes an instance of `row` from the values of a result row, as many as it has fields.

    Arrays become tuples. Most of those of numbers recur ("1", "1 2"), and so do names of columns: one object for each
    spelling saves most of the time and the memory.
    """
    new = partial(tuple.__new__, row)
    hints = enumerate(get_type_hints(row).values())
    arrays = [(i, get_args(hint)[0]) for i, hint in hints if get_origin(hint) is tuple]
    if not arrays:
        return new
    numbers = tuple(i for i, element in arrays if element is int)
    texts = tuple(i for i, element in arrays if element is not int)
    known = _Numbers({None: ()})

    def made(values: Any) -> Any:
        values = list(values)
        for i in numbers:
            values[i] = known[values[i]]
        for i in texts:
            values[i] = tuple(map(_interned, values[i])) if values[i] else ()
        return new(values)

    return made


class _Numbers(dict["str | None", tuple[int, ...]]):
    """Tuples of numbers by their text as a vector (`1 2`) or as an array (`{1,2}`)."""

    def __missing__(self, text: str) -> tuple[int, ...]:
        numbers = self[text] = tuple(map(int, text.strip("{}").replace(",", " ").split()))
        return numbers


def _interned(text: str | None) -> str | None:
    return text if text is None else sys.intern(text)


def _failure(read: Read, result: PGresult, server: Server) -> ReadFailure:
    """Say why a read has no rows, in the server's words."""
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"the statement was not run").decode()
    reason = f"the catalog read {read.name!r} failed: {redact(message)} (SQLSTATE {state or 'unknown'})"
    if state == _INSUFFICIENT_PRIVILEGE:
        return ReadFailure("skip", reason, read.remedy(server.version, server.user))
    if (extension := read.extension(server.version)) and state in _NO_EXTENSION:
        return ReadFailure("skip", *(text.format(extension=extension) for text in _NO_EXTENSION[state]))
    return ReadFailure("error", reason, _HINTS.get(state))


@contextmanager
def without_cycle_collection() -> Iterator[None]:
    """Pause the cycle collector: rows hold no cycles, and looking for them among half a million takes a second."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
