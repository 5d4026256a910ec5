"""`dbops.toml` as a first useful text: objectives, and what a reference database shows to be critical.

From the catalog come the indexes that keep rows unique and those that are scanned most, foreign keys, checks and
exclusions, and the tables with row-level security; each is declared by structure, and only if the audit finds it by
that declaration (what cannot be declared is listed as a comment). The text is read back before anybody gets it. What it
does not do: write the file, or judge whether the reference is a good one.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from dbops.checks.catalog import IndexActivity, Relation
from dbops.checks.expectations import Outcome, match_indexes
from dbops.checks.expected_constraints import State, match_constraints, on_delete, printed_expression
from dbops.checks.names import quote
from dbops.checks.policy import Declared, Policy, pack_names, parse_expectations
from dbops.checks.structure import shape
from dbops.settings import Expectations, ExpectedConstraint, ExpectedIndex, ExpectedTable
from dbops.settings.declared import Expectation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Constraint, Index

# Of the indexes that enforce nothing, this many of the most scanned are declared.
_MOST_SCANNED = 20
_KINDS: dict[str, Literal["fk", "check", "exclude"]] = {"f": "fk", "c": "check", "x": "exclude"}
_ORDER = (
    *("id", "group", "table", "kind", "columns", "expression", "references", "references_columns", "on_delete"),
    *("unique", "where", "include", "method", "match", "rls", "name", "reason"),
)

E = TypeVar("E", bound=Expectation)


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a configuration, how much it declares of each kind, and what could not be declared."""

    text: str
    indexes: int
    constraints: int
    tables: int
    left_out: tuple[str, ...]


def draft(catalog: Catalog | None, reference: str | None = None) -> Draft:
    """Return a configuration; with a `catalog`, what is critical in it is declared, `reference` says whose it is."""
    expected = _expected(catalog) if catalog else Expectations()
    left_out: tuple[str, ...] = ()
    if catalog:
        expected, left_out = _found_again(catalog, expected)
    text = "\n".join([*_head(reference), *_declarations(expected, reference), *_left_out(left_out)]) + "\n"
    parse_expectations(text, "the new configuration")
    return Draft(text, len(expected.index), len(expected.constraint), len(expected.table), left_out)


def _expected(catalog: Catalog) -> Expectations:
    """Return what is critical in a catalog, each with an id of its own."""
    taken: set[str] = set()

    def named(one: E) -> E:
        numbered = (f"{one.id}-{number}" for number in itertools.count(2))
        name = next(name for name in itertools.chain([one.id], numbered) if name not in taken)
        taken.add(name)
        return one.model_copy(update={"id": name})

    return Expectations(
        index=tuple(map(named, _indexes(catalog))),
        constraint=tuple(map(named, _constraints(catalog))),
        table=tuple(map(named, _tables(catalog))),
    )


def _found_again(catalog: Catalog, expected: Expectations) -> tuple[Expectations, tuple[str, ...]]:
    """Return what the audit finds by its declaration, and the names of the rest."""
    policy = Policy(
        expected_indexes=tuple(map(Declared, expected.index)),
        expected_constraints=tuple(map(Declared, expected.constraint)),
    )
    index = [match.value for match in match_indexes(catalog, policy) if match.outcome in {Outcome.OK, Outcome.LONGER}]
    constraint = [match.declared.value for match in match_constraints(catalog, policy) if match.state is State.OK]
    found = {one.id for one in (*index, *constraint)}
    named = [*((one.id, one.table, one.name) for one in expected.index)]
    named += [(one.id, one.table, one.name) for one in expected.constraint]
    kept = expected.model_copy(update={"index": tuple(index), "constraint": tuple(constraint)})
    return kept, tuple(f"{table}: {name}" for identity, table, name in named if identity not in found)


# What is critical


def _indexes(catalog: Catalog) -> list[ExpectedIndex]:
    """Return the critical indexes of tables: those that keep rows unique first, then the most scanned."""
    scans = {row.index_oid: row.scans for row in catalog.rows_if_readable(IndexActivity)}
    by_name = sorted(catalog.indexes.values(), key=catalog.index_name)
    alone = [index for index in by_name if _stands_alone(catalog, index)]
    keys = [index for index in alone if index.is_unique]
    others = [index for index in alone if not index.is_unique and not index.is_exclusion and scans.get(index.oid)]
    busiest = sorted(others, key=lambda index: -scans[index.oid])[:_MOST_SCANNED]
    chosen = [
        *((index, "keys", _enforces(catalog, index)) for index in keys),
        *((index, "most scanned", f"scans on the reference database: {scans[index.oid]}") for index in busiest),
    ]
    return [_index(catalog, index, group, reason) for index, group, reason in chosen]


def _stands_alone(catalog: Catalog, index: Index) -> bool:
    """Return whether an index may be declared: usable, and not the part of a partitioned one."""
    return index.usable and index.parent is None and catalog.relations[index.table].parent is None


def _enforces(catalog: Catalog, index: Index) -> str:
    constraint = catalog.backed_constraints.get(index.oid)
    kinds = {"p": "the primary key", "u": "a unique constraint", "x": "an exclusion constraint"}
    return f"{kinds[constraint.type]} stands on it" if constraint else "it keeps rows unique"


def _index(catalog: Catalog, index: Index, group: str, reason: str) -> ExpectedIndex:
    made = shape(catalog, index)
    table = catalog.name_of(index.table)
    return ExpectedIndex(
        id=f"{table}.{index.name}".removeprefix("public."),
        group=group,
        table=table,
        columns=made.keys,
        unique=made.unique,
        where=made.where,
        include=made.include,
        method=made.method,
        match="exact" if index.is_unique else "prefix",
        name=index.name,
        reason=reason,
    )


def _constraints(catalog: Catalog) -> Iterator[ExpectedConstraint]:
    """Yield the foreign keys, checks and exclusions of tables; keys are declared as the indexes behind them."""
    for table in _own_tables(catalog):
        for there in catalog.constraints_of(table.oid):
            if there.type in _KINDS and there.parent is None:
                yield _constraint(catalog, there)


def _constraint(catalog: Catalog, there: Constraint) -> ExpectedConstraint:
    table = catalog.name_of(there.table)
    declared: dict[str, Any] = {
        "id": f"{table}.{there.name}".removeprefix("public."),
        "table": table,
        "kind": _KINDS[there.type],
        "name": there.name,
    }
    if there.type != "f":
        return ExpectedConstraint(**declared, group="rules of rows", expression=printed_expression(there))
    foreign = there.foreign_table or 0
    known = foreign in catalog.relations
    return ExpectedConstraint(
        **declared,
        group="references",
        columns=tuple(map(quote, catalog.column_names(there.table, there.columns))),
        references=catalog.name_of(foreign),
        references_columns=tuple(map(quote, catalog.column_names(foreign, there.foreign_columns))) if known else (),
        on_delete=on_delete(there),
    )


def _tables(catalog: Catalog) -> Iterator[ExpectedTable]:
    """Yield the tables with row-level security."""
    for table in _own_tables(catalog):
        if table.rls_enabled:
            name = catalog.name_of(table.oid)
            yield ExpectedTable(
                id=f"{name}.rls".removeprefix("public."),
                group="row-level security",
                table=name,
                rls="forced" if table.rls_forced else "enabled",
            )


def _own_tables(catalog: Catalog) -> Iterator[Relation]:
    """Yield the tables that are no partitions, which come and go."""
    return (table for table in catalog.rows(Relation) if table.is_table and table.parent is None)


# As text


def _head(reference: str | None) -> Iterator[str]:
    yield "# What dbops holds this database to. `dbops config show` prints every value with its origin."
    yield "# Passwords do not belong here: use DATABASE_URL, PGPASSWORD, a service file or ~/.pgpass."
    yield ""
    yield f"# database_url = {_string(reference or 'postgresql://user@host:5432/database')}"
    yield ""
    yield "[objectives]"
    yield "# What holds unless declared; to miss what is declared is an error, to miss a default a warning."
    yield '# rpo = "15m"          # how much may be lost'
    yield '# rto = "60m"          # how long it may take until the database answers again'
    yield '# drill_every = "31d"  # how often a restore has to be proven'
    yield '# allowances = { detect = "5m", decide = "10m", cutover = "5m" }'
    yield ""
    yield "[audit]"
    yield f"# packs = [{', '.join(_string(name) for name in pack_names())}]   # built-in expectations"
    yield 'fail_on = "error"    # info, warning or error'
    yield ""
    yield "# [[audit.waive]]"
    yield '# rule = "fk-without-index"'
    yield '# object = "public.countries*"'
    yield '# reason = "forty rows that nobody deletes"'
    yield '# owner = "you@example.com"'
    yield "# expires = 2027-06-30"


def _declarations(expected: Expectations, reference: str | None) -> Iterator[str]:
    """Yield one table for each expectation; or, where there is none, an example to start from."""
    yield ""
    yield "# What must not go missing, matched by structure: a name alone proves nothing."
    if not expected:
        yield "# `dbops init --database-url URL` writes it from a reference database."
        yield "# [[expect.index]]"
        yield '# id = "orders-open"'
        yield '# table = "public.orders"'
        yield '# columns = ["customer_id", "placed_at desc"]'
        return
    yield f"# Taken from {_one_line(reference or 'the reference database')}; remove what is not critical."
    for kind in Expectations.model_fields:
        for one in getattr(expected, kind):
            yield ""
            yield f"[[expect.{kind}]]"
            yield from _fields(one)


def _fields(one: Expectation) -> Iterator[str]:
    """Yield what differs from the defaults, in the order the fields are documented."""
    fields = type(one).model_fields
    for name in sorted(fields, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
        value = getattr(one, name)
        if value != fields[name].default:
            yield f"{name} = {_toml(value)}"


def _left_out(names: tuple[str, ...]) -> Iterator[str]:
    if names:
        yield ""
        yield "# These have parts that cannot be declared:"
    yield from (f"# {_one_line(name)}" for name in names)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_string, value))}]"
    return _string(str(value))


def _string(text: str) -> str:
    """Return a basic string of TOML, whose escapes are JSON's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    """Return a text that cannot leave the comment it is put into."""
    return _string(text)[1:-1]
