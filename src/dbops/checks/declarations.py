"""What all expectations have in common: names looked up as SQL would, what could not be looked at, how findings begin.

A table or a column that does not exist is a finding; a table that another session has locked is neither there nor
missing, so the rule says that it could not tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.expressions import columns_of
from dbops.checks.names import parse_identifier, parse_qualified, qualified, quote
from dbops.checks.rule import RuleSkippedError
from dbops.quantities import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dbops.checks.catalog import Catalog, Relation
    from dbops.checks.policy import Policy
    from dbops.settings.declared import Expectation

AGAIN = "run the audit again when that session has ended: pg_locks and pg_stat_activity tell which it is"


class UnknownNameError(ValueError):
    """A declared table, column or role does not exist."""


# Names


def name_of(text: str) -> tuple[str, str]:
    """Return schema and name of a declared table; the text itself, in no schema, where it is no name."""
    try:
        return parse_qualified(text)
    except ValueError:
        return ("", text)


def canonical_name(text: str) -> str:
    """Return the canonical form of a declared table, the text itself where it is no name."""
    try:
        return qualified(*parse_qualified(text))
    except ValueError:
        return text


def relation_of(catalog: Catalog, text: str) -> Relation:
    """Return the relation that a declaration names; UnknownNameError if it does not exist."""
    try:
        relation = catalog.relation_named(*parse_qualified(text))
    except ValueError as error:
        raise UnknownNameError(str(error)) from error
    if relation is None:
        *schema, name = text.split(".")
        meant = (schema[0] if schema else "public", name)
        quoting = _quoting(qualified(*meant)) if catalog.relation_named(*meant) else ""
        raise UnknownNameError(f"the table {canonical_name(text)} does not exist (or belongs to an extension){quoting}")
    return relation


def column_of(catalog: Catalog, table: Relation, text: str) -> int:
    """Return the number of a declared column; UnknownNameError if the table has none of that name."""
    name = parse_identifier(text)
    column = catalog.column_named(table.oid, name) if name else None
    if column is None:
        quoting = _quoting(quote(text)) if catalog.column_named(table.oid, text) else ""
        raise UnknownNameError(f"{qualified(table.schema, table.name)} has no column {text}{quoting}")
    return column.number


def unknown_column(catalog: Catalog, table: Relation, expressions: Iterable[str]) -> str | None:
    """Say which column in declared expressions the table does not have, None where all are there.

    The table's own name stands for the whole row.
    """
    known = {column.name for column in catalog.columns(table.oid).values()}
    missing = {name for text in expressions for name in columns_of(text)} - known - {table.name}
    if not missing:
        return None
    name = min(missing)
    meant = next((one for one in sorted(known) if one.lower() == name.lower()), None)
    quoting = _quoting(quote(meant)) if meant else ""
    return f"{qualified(table.schema, table.name)} has no column {quote(name)}{quoting}"


def _quoting(name: str) -> str:
    """Return what to say to somebody who has left the double quotes out."""
    return f"; a name without double quotes is one in lower case: write '{name}'"


# What could not be looked at


def require_anything_declared(policy: Policy) -> None:
    """Raise RuleSkippedError where nothing at all is expected: nothing can be missing, and that is no all-clear."""
    if not policy.expects_anything:
        raise RuleSkippedError(
            "nothing declared; run `dbops init`", hint="`dbops init` writes expectations to dbops.toml"
        )


def is_busy(catalog: Catalog, text: str) -> bool:
    """Return whether another session has locked a declared table, so that nothing is known of it."""
    return name_of(text) in catalog.busy


def require_looked_at(catalog: Catalog, tables: Collection[str]) -> None:
    """Raise RuleSkippedError where one of the declared tables is busy: silence would say that all is met."""
    if busy := [text for text in tables if is_busy(catalog, text)]:
        names = ", ".join(dict.fromkeys(map(canonical_name, busy)))
        raise RuleSkippedError(
            f"{counted(len(busy), 'expectation was', 'expectations were')} not looked at: another session has"
            f" locked {names} against readers, or"
            " waits to",
            hint=AGAIN,
        )


def require_not_busy(catalog: Catalog, what: str) -> None:
    """Raise RuleSkippedError where any relation is busy: `what` about them is not known then."""
    if catalog.busy:
        names = ", ".join(qualified(schema, name) for schema, name in catalog.busy)
        raise RuleSkippedError(f"another session has locked {names} against readers: {what} is not known", hint=AGAIN)


def spelled_expectation(value: Expectation, detail: str) -> str:
    """Return what a finding says: the group, what is the matter, and the id of the expectation."""
    return f"{f'{value.group}: ' if value.group else ''}{detail} (expectation {value.id})"
