"""The statements that keep a table's tenants apart, as they should be: printed for a person, never run.

The order is that of the statements: the tenant must be there; in one transaction a restrictive floor, which holds every
role whatever policy is added later, a permissive policy for each command, and only then row-level security, enabled and
forced; an index led by the tenant column; foreign keys that carry the tenant. From a live database (`ddl_of`) only what
is missing is printed, in the types, names and grants that are there; without one (`ddl_from_names`) the whole of it, by
the configuration alone. What it does not do: connect, judge policies that are there (the audit does), or drop anything.
"""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING

from dbops.checks.access import DELETE, INSERT, SELECT, UPDATE, applies, privileges, spelled_privilege
from dbops.checks.catalog import Index, Relation
from dbops.checks.declarations import UnknownNameError, canonical_name, is_busy, relation_of
from dbops.checks.holds import Hold
from dbops.checks.names import fresh_name, parse_identifier, parse_qualified, qualified, quote
from dbops.checks.roles import role_named
from dbops.checks.row_policies import NEEDED as POLICIES
from dbops.checks.row_policies import Judged, Side, expression, hold_of, policies_of
from dbops.checks.row_security import create_policy, enable_row_security, same_tenant, tenant_condition
from dbops.checks.rule import RuleSkippedError, rules
from dbops.checks.tenants import is_exempt, tenancy_of, tenant_column
from dbops.errors import UnavailableError, UsageError
from dbops.settings import TenancyTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy

# The rules that find the rest of what a tenant table needs; their fixes are the statements.
_BEFORE = ("tenant-column-nullable-or-defaulted",)
_AFTER = ("tenant-index-missing", "foreign-key-crosses-tenants")

_COMMANDS = (SELECT, INSERT, UPDATE, DELETE)
_WORDS = tuple(spelled_privilege(letter).lower() for letter in _COMMANDS)
_TYPES = {"int": "bigint", "uuid": "uuid", "slug": "text", "text": "text"}
_EVERYBODY = "public"

Lines = tuple[str, ...]


def needed_reads() -> frozenset[type[tuple[object, ...]]]:
    """Return what `ddl_of` wants to know of a database."""
    chosen = rules()
    companions = (kind for slug in (*_BEFORE, *_AFTER) for kind in chosen[slug].rule.needs)
    return frozenset((*POLICIES, Index, *companions))


# Without a database


def ddl_from_names(text: str, tenancy: TenancyTable) -> Lines:
    """Return the statements for a table that is known by name alone; UsageError if it is no name."""
    try:
        schema, name = parse_qualified(text)
    except ValueError as error:
        raise UsageError(str(error), hint="write schema.table, quoted as in SQL") from error
    table, column = qualified(schema, name), tenancy.columns[0]
    same = tenant_condition(column, tenancy.setting, _TYPES[tenancy.id_type])
    roles = [parse_identifier(role) or role for role in tenancy.app_roles] or [_EVERYBODY]
    floor = create_floor("tenant_floor", table, same)
    each = [create_policy(f"tenant_{word}", table, word, _spelled_roles(roles), same) for word in _WORDS]
    index = fresh_name("ix", (name, column), (), plain=True, shape=table)
    return (
        *_header(table, column, tenancy),
        _comment(f"From the configuration alone: {quote(column)} is taken to be {_TYPES[tenancy.id_type]}."),
        "",
        *_transaction((floor, *each, enable_row_security(table).sql)),
        "",
        "-- Outside of a transaction; reads and writes go on. Better: an index that goes on with what is asked for.",
        f"create index concurrently {quote(index)} on {table} ({quote(column)});",
        "",
        "-- A foreign key to another tenant table carries the tenant, and so does the key that it refers to:",
        _comment(f"alter table {table} add foreign key ({quote(column)}, other_id) references other (tenant, id);"),
    )


# From a database


def ddl_of(catalog: Catalog, policy: Policy, text: str) -> Lines:
    """Return the statements that a table of a database still needs; UsageError where it can have none."""
    policy = with_tenancy(catalog, policy)
    tenancy = tenancy_of(catalog, policy)
    judged = _judged(catalog, tenancy, text)
    if judged.column is None:
        raise AssertionError("a table without a tenant column was let through")
    before, policies, after = (
        [*_companions(catalog, policy, _BEFORE, judged)],
        [*_policies(catalog, policy, judged)],
        [*_companions(catalog, policy, _AFTER, judged)],
    )
    if not before and not policies and not after:
        return (_comment(f"{judged.name}: nothing is missing; dbops audit judges the policies that are there."),)
    return (
        *_header(judged.name, judged.column.name, tenancy),
        *before,
        *(("", *_transaction(policies)) if policies else ()),
        *_ungranted(catalog, tenancy, judged),
        *after,
    )


def with_tenancy(catalog: Catalog, policy: Policy) -> Policy:
    """Return the policy with a tenancy in any case: whoever asks for a table's statements speaks of tenants."""
    try:
        tenancy = tenancy_of(catalog, policy)
    except RuleSkippedError:
        tenancy = TenancyTable()
    return dataclasses.replace(policy, tenancy=tenancy)


def _judged(catalog: Catalog, tenancy: TenancyTable, text: str) -> Judged:
    """Return the table that a person named; UsageError, with what to do, where no policy of it keeps tenants apart."""
    table = _table(catalog, text)
    name = qualified(table.schema, table.name)
    if not table.is_table:
        raise UsageError(
            f"{name} is no table of this server, so it can have no row-level security",
            hint="name the table beneath; a view obeys its policies with (security_invoker = true), from 15 on",
        )
    if table.parent is not None:
        raise UsageError(
            f"{name} is a partition, and its rows are reached by {catalog.name_of(table.parent)}",
            hint=f"dbops tenant policy {catalog.name_of(table.parent)}",
        )
    if is_exempt(tenancy, table):
        raise UsageError(f"{name} is declared to have no tenants", hint="take it out of [tenancy] exempt in dbops.toml")
    column = tenant_column(catalog, tenancy, table.oid)
    if column is None:
        raise UsageError(
            f"{name} has no tenant column ({', '.join(map(quote, tenancy.columns))})",
            hint="add one, or name the column there is under [tenancy] columns in dbops.toml",
        )
    return Judged(table, column, policies_of(catalog, table.oid))


def _table(catalog: Catalog, text: str) -> Relation:
    if is_busy(catalog, text):
        raise UnavailableError(
            f"another session has locked {canonical_name(text)} against readers", hint="try again when it has ended"
        )
    try:
        return relation_of(catalog, text)
    except UnknownNameError as error:
        names = [qualified(one.schema, one.name) for one in catalog.rows(Relation)]
        near = difflib.get_close_matches(canonical_name(text), names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"this is the database {catalog.server.database}"
        raise UsageError(str(error), hint=hint) from error


# Its parts


def _policies(catalog: Catalog, policy: Policy, judged: Judged) -> Iterator[str]:
    """Yield what makes the policies, and what switches them on, as far as it is missing."""
    tenancy = tenancy_of(catalog, policy)
    if judged.column is None:
        return
    same = same_tenant(catalog, tenancy, judged.column)
    taken = {row.name for row in judged.policies}
    if not _has_floor(catalog, policy, judged):
        yield create_floor(fresh_name("tenant", ("floor",), taken, plain=True, shape=judged.name), judged.name, same)
    for letter in _COMMANDS:
        if roles := _unserved(catalog, tenancy, judged, letter):
            word = spelled_privilege(letter).lower()
            name = fresh_name("tenant", (word,), taken, plain=True, shape=judged.name)
            yield create_policy(name, judged.name, word, _spelled_roles(roles), same)
    # A partition that is reached by its own name goes by its own policies: with none of them it shows nobody a row.
    for table in (judged.table, *_partitions(catalog, judged.table.oid)):
        if not (table.rls_enabled and table.rls_forced):
            yield enable_row_security(qualified(table.schema, table.name)).sql


def _partitions(catalog: Catalog, table: int) -> Iterator[Relation]:
    """Yield the partitions at any depth that can have row-level security."""
    for partition in catalog.partitions.get(table, ()):
        if partition.is_table:
            yield partition
            yield from _partitions(catalog, partition.oid)


def create_floor(name: str, table: str, condition: str) -> str:
    """Return the statement that holds every role to a condition, whatever other policies let through."""
    return f"create policy {quote(name)} on {table} as restrictive using ({condition}) with check ({condition});"


def _has_floor(catalog: Catalog, policy: Policy, judged: Judged) -> bool:
    return any(
        not row.permissive
        and _EVERYBODY in row.roles
        and all(
            (text := expression(row, side)) is not None and hold_of(catalog, policy, judged, row, text) is Hold.BINDS
            for side in Side
        )
        for row in judged.policies
    )


def _unserved(catalog: Catalog, tenancy: TenancyTable, judged: Judged, letter: str) -> list[str]:
    """Return the roles that want a policy for a command: by what they were granted, by right where nothing is."""
    wanted = []
    for role in _roles(catalog, tenancy):
        granted = privileges(catalog, role, judged.table) if role != _EVERYBODY else frozenset()
        own = (row for row in judged.policies if row.permissive and applies(catalog, row, role))
        if (letter in granted or not granted.intersection(_COMMANDS)) and not any(
            row.command in {"*", letter} for row in own
        ):
            wanted.append(role)
    return wanted


def _roles(catalog: Catalog, tenancy: TenancyTable) -> list[str]:
    """Return the application's roles; UsageError for one that does not exist."""
    found = [(text, role_named(catalog, text)) for text in tenancy.app_roles]
    if missing := [text for text, role in found if role is None]:
        raise UsageError(
            f"there is no role {missing[0]} on this server", hint="correct [tenancy] app_roles in dbops.toml"
        )
    return [role.name for _, role in found if role] or [_EVERYBODY]


def _ungranted(catalog: Catalog, tenancy: TenancyTable, judged: Judged) -> Lines:
    names = [role for role in _roles(catalog, tenancy) if role != _EVERYBODY]
    bare = [role for role in names if not privileges(catalog, role, judged.table).intersection(_COMMANDS)]
    if not bare:
        return ()
    return (
        "",
        "-- Nothing is granted yet. Grant what the application does, and leave out the policies for what it does not:",
        _comment(f"grant {', '.join(_WORDS)} on {judged.name} to {_spelled_roles(bare)};"),
    )


def _companions(catalog: Catalog, policy: Policy, slugs: Iterable[str], judged: Judged) -> Iterator[str]:
    """Yield the fixes of what other rules find about the table, each with its reason and its locks."""
    for slug in slugs:
        find = rules()[slug].find
        for draft in find(catalog, policy) if find else ():
            if draft.object != judged.name:
                continue
            yield ""
            yield _comment(f"{draft.detail[0].upper()}{draft.detail[1:]}.")
            if draft.fix is None:
                yield f"-- No statement mends that; what does: dbops audit --explain {slug}"
                continue
            if draft.fix.locks:
                yield f"-- {draft.fix.locks}"
            yield from draft.fix.sql.splitlines()


def _header(table: str, column: str, tenancy: TenancyTable) -> Lines:
    return (
        _comment(
            f"What keeps the tenants of {table} apart: {quote(column)} is the tenant, {tenancy.setting} says which."
        ),
        "-- Nothing of this has been run. Try it on a copy: a session that does not set the tenant then sees no row.",
    )


def _transaction(statements: Sequence[str]) -> Iterator[str]:
    yield "-- ACCESS EXCLUSIVE on the table for an instant, once it gets there: set lock_timeout first."
    yield "begin;"
    yield from statements
    yield "commit;"


def _spelled_roles(roles: Iterable[str]) -> str:
    return ", ".join(role if role == _EVERYBODY else quote(role) for role in roles)


def _comment(text: str) -> str:
    """Return a text as one line of comment: a line break in a name must not end it."""
    return "-- " + "".join(character if character.isprintable() else "?" for character in text)
