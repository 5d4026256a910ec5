"""Whose rows a table holds: the two tenants with the fewest, so that probing costs little, and a tenant that is none.

A table with rows of one tenant gets a copy of one of them for another, inside the transaction that is rolled back; so
does a table whose rows may be nobody's. A table without rows gets one with the plainest values that its types have.
Where the tenant column is generated nothing is made: a copy would be the same tenant's, whatever it was meant to be.
Where that cannot be done, it is said with the SQLSTATE. What this does not do: probe.
"""

from __future__ import annotations

import secrets as random_tokens
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg import sql

from dbops.drill.isolation import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbops.drill.isolation.stage import Stage
    from dbops.drill.isolation.statements import Sample
    from dbops.drill.isolation.targets import Column, TenantTable

_FEW = 2
_GUESSES = 3
# Large numbers that nobody has, and that every integer type of the kind can hold.
_UNKNOWN_NUMBERS = {"int2": 32749}
_UNKNOWN_NUMBER = 2147483629
# By the name of a type, else by its category.
_PLAIN = {
    "json": "{}", "jsonb": "{}", "bytea": "", "date": "2000-01-01", "time": "00:00", "timetz": "00:00+00",
    "A": "{}", "B": "true", "D": "2000-01-01 00:00:00+00", "I": "127.0.0.1", "N": "1", "R": "empty", "S": "a",
    "T": "1 day",
}  # fmt: skip


@dataclass(slots=True)
class Population:
    """`tenants` are at most two with rows, `counts` how many, `nobody` the rows of no tenant, `seeded` who was made up.

    `why` says why there are fewer than two.
    """

    unknown: str
    tenants: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    nobody: int = 0
    samples: dict[str, Sample] = field(default_factory=dict)
    seeded: list[str] = field(default_factory=list)
    why: str = ""


def unknown_tenant(column: Column, near: int = 0) -> str:
    """Return an id of the column's type that no tenant has."""
    if column.base == "uuid":
        return str(uuid.uuid4())
    if column.category == "N":
        return str(_UNKNOWN_NUMBERS.get(column.base, _UNKNOWN_NUMBER) - near)
    return f"dbops-nobody-{random_tokens.token_hex(4)}"


def read_population(stage: Stage, table: TenantTable) -> Population:
    """Return whose rows there are; where they cannot be counted, why."""
    for near in range(_GUESSES):
        unknown = unknown_tenant(table.tenant_column, near)
        answer = stage.attempt(None, statements.count_by_tenant(table.identifier, table.tenant, unknown, limit=_FEW))
        if answer.refused:
            return Population(unknown, why=f"its rows cannot be counted (SQLSTATE {answer.sqlstate})")
        few, nobody, _, taken = answer.values
        if not taken:
            break
    found = Population(unknown, [tenant for tenant, _ in few], dict(few), nobody)
    for tenant in found.tenants:
        found.samples[tenant] = _sample(stage, table, tenant)
    return found


def seed(stage: Stage, table: TenantTable, found: Population, others: Sequence[str]) -> None:
    """Make the rows that are missing, for as long as the stage stands; `others` are tenants of other tables."""
    if table.tenant_column.generated:
        _play_without_rows(table, found, others)
        return
    if not found.tenants:
        first = _strangers(table, found, others)[0]
        if not found.why and (sqlstate := _make_row(stage, table, first)):
            found.why = f"it has no rows of any tenant, and none could be made up (SQLSTATE {sqlstate})"
        if found.why:
            # What may be written can be tried all the same, as tenants of other tables.
            found.tenants = _strangers(table, found, others)[:_FEW]
            found.counts = dict.fromkeys(found.tenants, 0)
            return
        _take_in(stage, table, found, first)
    first = found.tenants[0]
    if len(found.tenants) < _FEW:
        second = _strangers(table, found, others)[0]
        if sqlstate := _copy_row(stage, table, found.samples[first], second):
            found.why = f"only one tenant has rows, and a row of another could not be made (SQLSTATE {sqlstate})"
            found.tenants.append(second)
            found.counts[second] = 0
        else:
            _take_in(stage, table, found, second)
    if not found.nobody and table.tenant_column.nullable:
        found.nobody = 0 if _copy_row(stage, table, found.samples[first], None) else 1


def count_again(stage: Stage, table: TenantTable, found: Population) -> None:
    """Count the rows of the two tenants once more: what was made in a partition or child is in its parent as well."""
    for tenant in found.tenants:
        answer = stage.attempt(None, statements.count_rows(table.identifier, table.tenant, tenant))
        if not answer.refused:
            _, found.counts[tenant], found.nobody = answer.values


def _play_without_rows(table: TenantTable, found: Population, others: Sequence[str]) -> None:
    """Say why there are fewer than two tenants with rows, and play the missing ones with ids alone."""
    missing = _strangers(table, found, others)[: _FEW - len(found.tenants)]
    if missing:
        found.why = found.why or "fewer than two tenants have rows, and a generated tenant cannot be made up"
        found.tenants.extend(missing)
        found.counts.update(dict.fromkeys(missing, 0))


def _take_in(stage: Stage, table: TenantTable, found: Population, tenant: str) -> None:
    """Note a tenant whose one row was just made."""
    found.tenants.append(tenant)
    found.counts[tenant] = 1
    found.samples[tenant] = _sample(stage, table, tenant)
    found.seeded.append(tenant)


def _strangers(table: TenantTable, found: Population, others: Sequence[str]) -> list[str]:
    """Return ids to play tenants with, those of other tables first; never one that is here already."""
    invented = [unknown_tenant(table.tenant_column, near) for near in (11, 12)]
    known = [one for one in others if _fits(table.tenant_column, one)]
    return [one for one in dict.fromkeys([*known, *invented]) if one not in found.tenants]


def _fits(column: Column, tenant: str) -> bool:
    if column.category == "N":
        return tenant.lstrip("-").isdigit() and abs(int(tenant)) <= _UNKNOWN_NUMBERS.get(column.base, _UNKNOWN_NUMBER)
    if column.base == "uuid":
        try:
            uuid.UUID(tenant)
        except ValueError:
            return False
    return True


def _sample(stage: Stage, table: TenantTable, tenant: str) -> Sample:
    # Refused: then there is no pattern for whole rows, and what needs one is not tried.
    answer = stage.attempt(None, statements.sample_row(table, tenant))
    return dict(zip((one.name for one in table.columns), answer.values, strict=False))


def _copy_row(stage: Stage, table: TenantTable, sample: Sample, tenant: str | None) -> str | None:
    """Copy a row for another tenant, or for none; return the SQLSTATE where that is refused."""
    columns = table.writable
    values = {one.name: statements.value_of(one, sample.get(one.name)) for one in columns}
    values[table.tenant] = statements.value_of(table.tenant_column, tenant)
    for key in table.keys:
        if table.tenant not in key.columns or tenant is None:
            changed = next((one for name in key.columns if (one := _fresh(table, name))), None)
            if changed:
                values |= changed
    return stage.try_to(statements.insert(table, columns, values)).sqlstate


def _make_row(stage: Stage, table: TenantTable, tenant: str) -> str | None:
    """Make a row up; return the SQLSTATE where that is refused."""
    values = {one.name: _plain(one) for one in table.writable}
    values[table.tenant] = statements.value_of(table.tenant_column, tenant)
    return stage.try_to(statements.insert(table, table.writable, values)).sqlstate


def _plain(column: Column) -> sql.Composable:
    """Return null, a default that moves no sequence, or the plainest value of a column's type."""
    if column.nullable:
        return sql.SQL("null")
    if column.default and not column.counted and not column.identity:
        return sql.SQL("default")
    if column.category == "E":
        return sql.SQL("(pg_catalog.enum_range(null::{}))[1]").format(sql.SQL(column.type))
    text = str(uuid.uuid4()) if column.base == "uuid" else _PLAIN.get(column.base) or _PLAIN.get(column.category)
    return statements.value_of(column, text)


def _fresh(table: TenantTable, name: str) -> dict[str, sql.Composable] | None:
    """Return a value that a column does not have yet, None where none can be made up."""
    column = table.column(name)
    if name == table.tenant or column.generated:
        return None
    if column.category == "N":
        largest = sql.SQL("(select coalesce(pg_catalog.max(known.{0}), 0) + 1 from {1} as known)")
        return {name: largest.format(sql.Identifier(name), table.identifier)}
    if column.base == "uuid":
        return {name: statements.value_of(column, str(uuid.uuid4()))}
    if column.category == "S":
        return {name: statements.value_of(column, random_tokens.token_hex(4))}
    return None
