"""`dbops.toml` as a first useful text: objectives, and what a reference database shows to be critical.

From the catalog come the indexes that keep rows unique, and those that are scanned most; each is declared by structure,
and only if the audit finds it by that declaration (what cannot be declared is listed as a comment). The text is read
back before anybody gets it. What it does not do: write the file, or judge whether the reference is a good one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.checks.catalog import IndexActivity
from dbops.checks.expectations import Outcome, match_indexes
from dbops.checks.policy import Declared, Policy, pack_names, parse_expectations
from dbops.checks.structure import shape
from dbops.settings import ExpectedIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbops.checks.catalog import Catalog, Index

# Of the indexes that enforce nothing, this many of the most scanned are declared.
_MOST_SCANNED = 20


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a configuration, how many indexes it declares, and which could not be declared."""

    text: str
    declared: int
    left_out: tuple[str, ...]


def draft(catalog: Catalog | None, reference: str | None = None) -> Draft:
    """Return a configuration; with a `catalog`, its critical indexes are declared, `reference` says whose it is."""
    found = _expectations(catalog) if catalog else []
    matched = match_indexes(catalog, Policy(expected_indexes=tuple(map(Declared, found)))) if catalog else ()
    kept = [one.value for one in matched if one.outcome in {Outcome.OK, Outcome.LONGER}]
    left_out = tuple(f"{one.value.table}: {one.value.name}" for one in matched if one.value not in kept)
    text = "\n".join([*_head(reference), *_declarations(kept, reference), *_left_out(left_out)]) + "\n"
    parse_expectations(text, "the new configuration")
    return Draft(text, len(kept), left_out)


def _expectations(catalog: Catalog) -> list[ExpectedIndex]:
    """Return the critical indexes of tables: those that keep rows unique first, then the most scanned."""
    scans = {row.index_oid: row.scans for row in catalog.rows_if_readable(IndexActivity)}
    by_name = sorted(catalog.indexes.values(), key=catalog.index_name)
    candidates = [index for index in by_name if _stands_alone(catalog, index)]
    keys = [index for index in candidates if index.is_unique]
    others = [index for index in candidates if not index.is_unique and scans.get(index.oid)]
    busiest = sorted(others, key=lambda index: -scans[index.oid])[:_MOST_SCANNED]
    chosen = [
        *((index, "keys", _enforces(catalog, index)) for index in keys),
        *((index, "most scanned", f"scans on the reference database: {scans[index.oid]}") for index in busiest),
    ]
    return [_expectation(catalog, index, group, reason) for index, group, reason in chosen]


def _stands_alone(catalog: Catalog, index: Index) -> bool:
    """Return whether an index may be declared: usable, and not the part of a partitioned one."""
    return index.usable and index.parent is None and catalog.relations[index.table].parent is None


def _enforces(catalog: Catalog, index: Index) -> str:
    constraint = catalog.backed_constraints.get(index.oid)
    kinds = {"p": "the primary key", "u": "a unique constraint", "x": "an exclusion constraint"}
    return f"{kinds[constraint.type]} stands on it" if constraint else "it keeps rows unique"


def _expectation(catalog: Catalog, index: Index, group: str, reason: str) -> ExpectedIndex:
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


def _declarations(indexes: Iterable[ExpectedIndex], reference: str | None) -> Iterator[str]:
    """Yield one `[[expect.index]]` for each; or, where there is none, an example to start from."""
    indexes = list(indexes)
    yield ""
    yield "# Indexes that must not go missing, matched by structure: a name alone proves nothing."
    if not indexes:
        yield "# `dbops init --database-url URL` writes them from a reference database."
        yield "# [[expect.index]]"
        yield '# id = "orders-open"'
        yield '# table = "public.orders"'
        yield '# columns = ["customer_id", "placed_at desc"]'
        return
    yield f"# Taken from {_one_line(reference or 'the reference database')}; remove what is not critical."
    for index in indexes:
        yield ""
        yield "[[expect.index]]"
        yield from _fields(index)


def _fields(index: ExpectedIndex) -> Iterator[str]:
    """Yield what differs from the defaults, in the order the fields are documented."""
    defaults = {name: field.default for name, field in ExpectedIndex.model_fields.items()}
    order = ("id", "group", "table", "columns", "unique", "where", "include", "method", "match", "name", "reason")
    for name in order:
        value = getattr(index, name)
        if value != defaults.get(name):
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
