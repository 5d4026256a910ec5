"""Declared expressions as a server prints them: asked of a throw-away server where comparing texts settles nothing.

Comparing texts is enough for nearly all of them. What is left are expectations that would be met if an expression meant
the same, and unmet ones with an expression that is not understood here. For those an empty copy of the table is made on
a server of the same major version, with an index or constraint on it as it was typed, and the definition is read back.
The rules: the server is one that dbops starts, never the audited one; what was typed is run there by a role without any
power, one statement at a time; a mistake in it is a mistake of the configuration, with file and line; a type or
function that only the audited database has leaves the matter open, and the finding says so.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from dbops.checks.catalog import ServerForm
from dbops.checks.catalog.snapshot import ReadFailedError, ReadFailure
from dbops.checks.expectations import Outcome, differences, match_indexes
from dbops.checks.expected_constraints import State, candidates, match_constraints, without_keyword
from dbops.checks.expected_constraints import differences as constraint_differences
from dbops.checks.expressions import is_understood
from dbops.checks.names import literal, parse_qualified, qualified, quote
from dbops.checks.typed import Use, may_be_same
from dbops.connection.session import scratch
from dbops.errors import ConfigurationError, ProgramMissingError, TimeLimitError, UnavailableError
from dbops.quantities import counted
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dbops.checks.catalog import Catalog, DataType, Relation
    from dbops.checks.policy import Declared, Policy
    from dbops.connection.binaries import Binaries
    from dbops.connection.server import ScratchServer
    from dbops.settings.declared import Expectation

    Connection = psycopg.Connection[tuple[Any, ...]]

# Who runs what was typed: can make tables there, and nothing else.
_TYPIST = "dbops_typist"
# SQLSTATEs, or classes of them, by which a server says that an expression can never be right: it does not parse, is no
# condition, is not immutable, calls what is not allowed there, or holds a literal that its type does not take.
_MISTAKES = ("42601", "42803", "42804", "42P17", "42P20", "0A000", "22")
_PREDICATE = (
    "select pg_catalog.pg_get_expr(i.indpred, i.indrelid) from pg_catalog.pg_index as i where i.indexrelid = {}"
)
_KEY = "select pg_catalog.pg_get_indexdef({}, 1, false)"
_CONSTRAINT = (
    "select pg_catalog.pg_get_constraintdef(k.oid) from pg_catalog.pg_constraint as k"
    " where k.conrelid = {} and k.conname = {}"
)


@dataclass(frozen=True, slots=True)
class Question:
    """An expression to be printed by a server: of which table, what for, and who declared it."""

    table: Relation
    use: Use
    typed: str
    declared: Declared[Any]
    method: str = "btree"
    opclass: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The snapshot with what a server said, and how many expressions it was asked for, in words."""

    catalog: Catalog
    said: str


def open_questions(catalog: Catalog, policy: Policy) -> tuple[Question, ...]:
    """Return the declared expressions that only a server can settle, each once for its table."""
    found: list[Question] = []
    for questions in (_of_indexes, _of_constraints):
        # What could not be read is said by the rules about it.
        with contextlib.suppress(ReadFailedError):
            found += questions(catalog, policy)
    once = {(question.table.oid, question.use, question.typed): question for question in reversed(found)}
    return tuple(reversed(once.values()))


def _of_indexes(catalog: Catalog, policy: Policy) -> Iterator[Question]:
    for match in match_indexes(catalog, policy):
        wanted = match.wanted
        if wanted is None or match.outcome not in {Outcome.MISSING, Outcome.DECOY}:
            continue
        table, value = wanted.table, match.value
        there = catalog.indexes_of(table.oid)
        if all(is_understood(text) for _, text in wanted.typed()) and all(
            differences(catalog, wanted, index, may_be_same) for index in there
        ):
            continue
        for key in wanted.keys:
            if key.expression:
                yield Question(table, Use.KEY, key.expression, match.declared, value.method, key.opclass)
        if wanted.predicate:
            yield Question(table, Use.PREDICATE, wanted.predicate, match.declared)


def _of_constraints(catalog: Catalog, policy: Policy) -> Iterator[Question]:
    for match in match_constraints(catalog, policy):
        wanted = match.wanted
        if wanted is None or wanted.expression is None or match.state is not State.MISSING:
            continue
        # What an exclusion says is never understood as a whole, so its words alone raise no question.
        clear = wanted.use is Use.EXCLUDE or is_understood(wanted.expression)
        if clear and all(
            constraint_differences(catalog, wanted, there, may_be_same) for there in candidates(catalog, wanted)
        ):
            continue
        yield Question(wanted.table, wanted.use, wanted.expression, match.declared)


# Asking


def ask_server(
    catalog: Catalog,
    questions: Sequence[Question],
    *,
    environ: Mapping[str, str],
    bindir: Path | None = None,
    directory: Path | None = None,
) -> Asked:
    """Return the snapshot with the server's forms of `questions`, or with the reason why there are none.

    `bindir` is where server programs are first looked for, `directory` where the server lives, by default the temporary
    one. Costs about two seconds. Raises ConfigurationError for an expression that no server takes.
    """
    from dbops.connection.server import ScratchServer

    major = catalog.server.version // 10_000
    try:
        binaries = _server_programs(major, environ, bindir)
        with ScratchServer(binaries, directory=directory) as server:
            forms = _forms(server, catalog, questions)
    except TimeLimitError:
        raise
    except UnavailableError as error:
        reason = f"declared expressions were compared as text: {error.message}"
        return Asked(catalog.extended({}, {ServerForm: ReadFailure("skip", reason, error.hint)}), reason)
    number = counted(len(forms), "expression")
    said = f"{number} read back from a throw-away PostgreSQL {major} ({binaries.origin})"
    return Asked(catalog.extended({ServerForm: forms}), said)


def _server_programs(major: int, environ: Mapping[str, str], bindir: Path | None) -> Binaries:
    from dbops.connection.binaries import find_server

    if bindir:
        try:
            return find_server(major, environ=environ, bindir=bindir)
        except ProgramMissingError:  # those are of another major, which prints in another way
            pass
    return find_server(major, environ=environ)


def _forms(server: ScratchServer, catalog: Catalog, questions: Sequence[Question]) -> tuple[ServerForm, ...]:
    with scratch(server, "postgres") as connection:
        connection.execute(f"create role {_TYPIST} login")
        connection.execute(f"grant create on database postgres to {_TYPIST}")
        connection.execute(f"grant create on schema public to {_TYPIST}")
    with scratch(server, "postgres", user=_TYPIST) as connection:
        # As the session that read the catalog: what is not in pg_catalog is printed with its schema.
        connection.execute("set search_path = pg_catalog, pg_temp")
        for table in {question.table.oid: question.table for question in questions}.values():
            _copy_table(connection, catalog, table)
        return tuple(_form(connection, number, question) for number, question in enumerate(questions))


def _copy_table(connection: Connection, catalog: Catalog, table: Relation) -> None:
    """Create an empty table with the columns whose types the server has."""
    columns = [
        f"{quote(column.name)} {spelled}"
        for column in catalog.columns(table.oid).values()
        if (data_type := catalog.types.get(column.type)) and (spelled := _type(connection, catalog, data_type))
    ]
    _create_schema(connection, table.schema)
    connection.execute(f"create table {qualified(table.schema, table.name)} ({', '.join(columns)})".encode())


def _create_schema(connection: Connection, schema: str) -> None:
    if not connection.execute("select 1 from pg_catalog.pg_namespace where nspname = %s", [schema]).fetchall():
        connection.execute(f"create schema {quote(schema)}".encode())


def _type(connection: Connection, catalog: Catalog, data_type: DataType) -> str | None:
    """Return how a type is spelled on the server, None if it has none such; a domain is made there, unconstrained."""
    [(known,)] = connection.execute("select pg_catalog.to_regtype(%s) is not null", [data_type.name]).fetchall()
    if known:
        return data_type.name
    base = catalog.types.get(data_type.base)
    if data_type.kind != "d" or base is None or not (spelled := _type(connection, catalog, base)):
        return None
    _create_schema(connection, parse_qualified(data_type.name)[0])
    connection.execute(f"create domain {data_type.name} as {spelled}".encode())
    return data_type.name


def _form(connection: Connection, number: int, question: Question) -> ServerForm:
    table = qualified(question.table.schema, question.table.name)
    known = (question.table.schema, question.table.name, question.use.value, question.typed)
    name = f"dbops_typed_{number}"
    create, read = _statements(question, table, name)
    try:
        # Binary results come by the protocol that takes one statement and no more.
        connection.execute(create.encode(), binary=True)
        [(printed,)] = connection.execute(read.encode()).fetchall()
    except psycopg.Error as error:
        if error.sqlstate is None:  # the session is lost
            raise
        problem = redact(error.diag.message_primary or "it was refused")
        if error.sqlstate.startswith(_MISTAKES):
            raise _mistake(question, problem) from None
        return ServerForm(*known, None, problem)
    of_index = question.use in {Use.PREDICATE, Use.KEY}
    return ServerForm(*known, printed if of_index else without_keyword(printed), None)


def _statements(question: Question, table: str, name: str) -> tuple[str, str]:
    """Return what makes the server take an expression, and what reads back how it prints it."""
    index = f"{literal(qualified(question.table.schema, name))}::pg_catalog.regclass"
    match question.use:
        case Use.PREDICATE:
            return f"create index {name} on {table} ((1)) where {question.typed}", _PREDICATE.format(index)
        case Use.KEY:
            key = f"({question.typed}\n) {question.opclass or ''}"
            return f"create index {name} on {table} using {quote(question.method)} ({key})", _KEY.format(index)
    added = f"check ({question.typed}\n)" if question.use is Use.CHECK else f"exclude {question.typed}"
    read = _CONSTRAINT.format(f"{literal(table)}::pg_catalog.regclass", literal(name))
    return f"alter table {table} add constraint {name} {added}", read


def _mistake(question: Question, problem: str) -> ConfigurationError:
    value: Expectation = question.declared.value
    location = question.declared.location
    place = f"{location.file}:{location.line}: " if location else ""
    return ConfigurationError(
        f"{place}PostgreSQL refuses what the expectation {value.id!r} declares, {question.typed!r}: {problem}",
        hint="try it in psql, with create index or add constraint on a copy of the table",
    )
