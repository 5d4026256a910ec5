"""Read a `Catalog` from a server: every read in one round trip, the failures of each kept apart.

A read that the role may not make becomes a skip with its GRANT; one that failed otherwise (a timeout, a lock, a column
this server lacks) an error with the server's words. Neither ends the run, and neither looks like an empty result. The
plans of statements take a second round trip, since the statements have to be read first.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, get_type_hints

from psycopg import adapt, pq

from dbops.checks.catalog.pipeline import run_apart
from dbops.checks.catalog.reads import Read, notice_busy, reads
from dbops.checks.catalog.rows.queries import LoggedStatement, Plan, PlanNode
from dbops.checks.catalog.rows.relations import BusyRelation
from dbops.checks.catalog.snapshot import Catalog, ReadFailure, Server
from dbops.checks.explain import explain_workload
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    "57014": "give it longer with --timeout, or run the audit when the server is less busy",
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
    kinds = {*reads(), Plan} if wanted is None else {BusyRelation, *wanted}
    chosen = [read for row, read in reads().items() if row in kinds]
    facts = session.facts
    server = Server(session.server_version, facts.database, facts.user, facts.is_superuser, facts.in_recovery)
    statements = [read.statements(server.version) for read in chosen]
    rows: dict[type[tuple[object, ...]], tuple[Any, ...]] = {}
    failures: dict[type[tuple[object, ...]], ReadFailure] = {}
    decode = adapt.Transformer(session.connection)
    results = run_apart(session.connection, statements, first=notice_busy())
    with _without_cycle_collection():
        for read, result in zip(chosen, results, strict=True):
            if result.status == pq.ExecStatus.TUPLES_OK:
                rows[read.row] = _decoded(read, result, decode)
            else:
                failures[read.row] = _failure(read, result, server)
    if logged is not None:
        rows[LoggedStatement] = logged
    catalog = Catalog(server, rows, failures)
    return _with_plans(session, catalog) if Plan in kinds else catalog


def _with_plans(session: Session, catalog: Catalog) -> Catalog:
    """Return the snapshot with the plans of the statements it holds."""
    answer = explain_workload(session, catalog)
    if isinstance(answer, ReadFailure):
        return catalog.extended({}, {Plan: answer, PlanNode: answer})
    plans, nodes = answer
    return catalog.extended({Plan: plans, PlanNode: nodes})


def _decoded(read: Read, result: PGresult, decode: abc.Transformer) -> tuple[Any, ...]:
    """Return the rows of a result as instances of the read's class; a statement that does not fit it is a bug."""
    returned = tuple((result.fname(i) or b"").decode() for i in range(result.nfields))
    expected = tuple(get_type_hints(read.row))
    if returned != expected:
        raise AssertionError(f"{read.name}.sql returns {returned}, its class has {expected}")
    decode.set_pgresult(result)
    rows = decode.load_rows(0, result.ntuples, _maker(read.row))
    # A class that must not keep what the server sent says so by having `received`.
    return tuple(row.received() for row in rows) if hasattr(read.row, "received") else tuple(rows)


def _maker(row: type[Any]) -> Callable[[Any], Any]:
    """Return what makes an instance of `row` from the values of a result row; arrays become tuples."""
    make = row._make
    arrays = [i for i, hint in enumerate(get_type_hints(row).values()) if getattr(hint, "__origin__", None) is tuple]
    if not arrays:
        return make  # type: ignore[no-any-return]
    # Most arrays of numbers recur ("1", "1 2"): one tuple for each spelling saves most of the time and the memory.
    known: dict[str | None, tuple[int, ...]] = {None: ()}

    def made(values: Any) -> Any:
        values = list(values)
        for i in arrays:
            value = values[i]
            if isinstance(value, list):
                values[i] = tuple(value)
            elif value in known:
                values[i] = known[value]
            else:
                values[i] = known[value] = _numbers(value)
        return make(values)

    return made


def _numbers(text: str) -> tuple[int, ...]:
    """Return the numbers in a vector (`1 2`) or an array (`{1,2}`) as text."""
    return tuple(map(int, text.strip("{}").replace(",", " ").split()))


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
def _without_cycle_collection() -> Iterator[None]:
    """Pause the cycle collector: rows hold no cycles, and looking for them among half a million takes a second."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
