"""Declared and slow queries on the restored copy, before and after its fixes: how they read, and how long that takes.

The rules, in order:

1. As the reader, in a transaction that only reads; what writes is refused by the server, and told as unknown.
2. A statement with parameters is given values of a row of the copy, found by the conditions of its plan. Where one of
   them is compared with no column, only its plan is told: values that were made up would time something else.
3. The quicker of two executions counts, so that reading a page for the first time does not.
4. Values reach no report: of a plan only what reads tables and indexes is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from dbops.checks.catalog import ExpectedPlanNode
from dbops.checks.expected_plans import spelled
from dbops.checks.explain import Question, ask, search_path_of
from dbops.checks.names import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbops.checks.catalog import PlanNode
    from dbops.checks.explain import Answer
    from dbops.connection.session import Session
    from dbops.drill.copy import Copy

_EXECUTIONS = 2
_TIMEOUT_MS = 30_000
# "(orders.customer_id = $1)", "((orders.status)::text = ($2)::text)": which column a parameter is compared with.
_COMPARED = re.compile(
    r"""(?:(?:"(?:[^"]|"")+"|[\w$]+)\.)?(?P<column>"(?:[^"]|"")+"|[a-z_][\w$]*)\)?(?:::[\w .]+(?:\(\d+\))?)?\)?
    [ ](?:=|<|>|<=|>=|~~)[ ](?:ANY[ ])?\(*\$(?P<number>\d+)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Query:
    """A statement to time: what it is called, its text with `$n`, and who runs it."""

    name: str
    text: str
    parameters: int
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Timed:
    """How a query was carried out: where it reads, and the microseconds it took; `unknown` says why one is missing."""

    name: str
    reads: str = ""
    duration_us: int | None = None
    unknown: str | None = None


def time_queries(copy: Copy, queries: Iterable[Query], deadline: float | None) -> list[Timed]:
    """Return what becomes of each query now."""
    with copy.read(deadline) as session:
        session.connection.execute(f"set local statement_timeout = {_TIMEOUT_MS}".encode())
        return [_time(session, number, one) for number, one in enumerate(queries)]


def _time(session: Session, number: int, query: Query) -> Timed:
    path = search_path_of({}, query.user)
    answer = ask(session, [Question(query.name, query.text, query.parameters, path)])[0]
    if answer.problem and not answer.nodes:
        return Timed(query.name, unknown=f"no plan (SQLSTATE {answer.state})" if answer.state else answer.problem)
    reads = spelled(tuple(ExpectedPlanNode._make(node) for node in answer.nodes))
    values = _values(session, answer, query.parameters)
    if values is None:
        return Timed(query.name, reads, unknown="not all of its parameters are compared with a column")
    try:
        with session.connection.transaction(force_rollback=True):
            session.connection.execute("select pg_catalog.set_config('search_path', %s, true)", [path])
            return Timed(query.name, reads, _execute(session, f"dbops_timed_{number}", query, values))
    except psycopg.errors.QueryCanceled:
        return Timed(query.name, reads, unknown=f"it took longer than {_TIMEOUT_MS // 1000} s")
    except psycopg.Error as error:
        return Timed(query.name, reads, unknown=f"{type(error).__name__} (SQLSTATE {error.sqlstate})")


def _execute(session: Session, name: str, query: Query, values: list[str | None]) -> int:
    """Return the microseconds that the server took for the quickest execution with these values.

    `name` is new in the session: a prepared statement outlives the transaction that it was made in.
    """
    session.connection.execute(f"prepare {name} as {query.text}".encode())
    arguments = sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, values))) if values else sql.SQL("")
    statement = sql.SQL("explain (analyze, timing off, format json) execute {}{}").format(sql.SQL(name), arguments)
    plans = [session.fetch_all(statement)[0][0][0] for _ in range(_EXECUTIONS)]
    return min(round(float(plan["Execution Time"]) * 1000) for plan in plans)


def _values(session: Session, answer: Answer, parameters: int) -> list[str | None] | None:
    """Return a value for each parameter, of a row of the table it is compared with; None where that is no column."""
    found: dict[int, str | None] = {}
    for node in answer.nodes:
        columns = dict(_compared(node))
        if columns and node.schema and node.table:
            found |= _of_one_row(session, node.schema, node.table, columns)
    wanted = range(1, parameters + 1)
    return [found[number] for number in wanted] if all(number in found for number in wanted) else None


def _compared(node: PlanNode) -> Iterable[tuple[int, str]]:
    for condition in (node.condition, node.filter):
        for matched in _COMPARED.finditer(condition or ""):
            yield int(matched["number"]), unquote(matched["column"])


def _of_one_row(session: Session, schema: str, table: str, columns: dict[int, str]) -> dict[int, str | None]:
    selected = sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in columns.values())
    known = sql.SQL(" and ").join(sql.SQL("t.{} is not null").format(sql.Identifier(name)) for name in columns.values())
    query = sql.SQL("select {} from {} as t where {} limit 1").format(selected, sql.Identifier(schema, table), known)
    try:
        with session.connection.transaction(force_rollback=True):
            rows = session.fetch_all(query)
    except psycopg.errors.UndefinedColumn:  # the condition is of an expression, not of a column
        return {}
    return dict(zip(columns, rows[0], strict=True)) if rows else {}
