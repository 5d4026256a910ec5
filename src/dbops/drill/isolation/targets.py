"""What there is to probe, read from the catalogs: tenant tables, what a role may do to them, and what shows their rows.

Names come as they are and are quoted where statements are composed. What this does not do: read a row of a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row

from dbops.checks.names import qualified

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from psycopg import Connection

# Columns of these make surrogate keys: that another tenant has such a value tells nothing.
_SURROGATES = frozenset({"int2", "int4", "int8", "uuid"})

# What pg_relation_is_updatable() answers in: a bit for each command.
_CAN_UPDATE, _CAN_INSERT, _CAN_DELETE = 4, 8, 16


def read_sql(name: str) -> bytes:
    """Return a query that ships with dbops."""
    return resources.files(__package__ or "dbops.drill.isolation").joinpath("sql", f"{name}.sql").read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column; `type` is spelled for an empty search_path, `base` names what a domain is made of.

    `plain_type` is that in full. `counted`: its default moves a sequence.
    """

    name: str
    type: str
    base: str
    plain_type: str
    category: str
    domain: bool
    nullable: bool
    identity: str
    generated: bool
    default: bool
    counted: bool = False

    @property
    def moves_sequence(self) -> bool:
        """Whether a row that says nothing of it moves a sequence, which no rollback brings back."""
        return self.identity != "" or self.counted

    @property
    def surrogate(self) -> bool:
        """Whether its values are handed out by the database and mean nothing."""
        return self.base in _SURROGATES and (self.identity != "" or self.default)


@dataclass(frozen=True, slots=True)
class Key:
    """A unique index over plain columns."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class TenantTable:
    """A table (or a partition) whose column `tenant` says whose a row is; empty where another table says it."""

    oid: int
    schema: str
    name: str
    kind: str
    is_partition: bool
    tenant: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...]
    armed: tuple[str, ...]
    updatable: int = 0
    has_children: bool = False

    @property
    def label(self) -> str:
        """The canonical name, as findings carry it."""
        return qualified(self.schema, self.name)

    @property
    def identifier(self) -> sql.Identifier:
        """The name, for statements."""
        return sql.Identifier(self.schema, self.name)

    @cached_property
    def tenant_column(self) -> Column:
        """The column that says whose a row is."""
        return self.column(self.tenant)

    def column(self, name: str) -> Column:
        """Return a column by name."""
        return next(one for one in self.columns if one.name == name)

    @property
    def writable(self) -> tuple[Column, ...]:
        """The columns that can be given a value."""
        return tuple(one for one in self.columns if not one.generated)

    def crossing_keys(self) -> list[Key]:
        """Return the unique keys that two tenants share, apart from surrogate ones."""
        return [
            key
            for key in self.keys
            if self.tenant not in key.columns and not all(self.column(name).surrogate for name in key.columns)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a role may do to a table, by grants alone; columns it may read, insert into and update."""

    oid: int
    reaches: bool
    deletes: bool
    truncates: bool
    reads: frozenset[str]
    inserts: frozenset[str]
    updates: frozenset[str]

    def limited_to(self, updatable: int) -> Grants:
        """Return what is left of them on a view that the server can write to by those commands only."""
        nothing: frozenset[str] = frozenset()
        return replace(
            self,
            inserts=self.inserts if updatable & _CAN_INSERT else nothing,
            updates=self.updates if updatable & _CAN_UPDATE else nothing,
            deletes=self.deletes and bool(updatable & _CAN_DELETE),
        )

    @property
    def writes(self) -> bool:
        """Whether the role may write anything."""
        return bool(self.inserts or self.updates or self.deletes)

    @property
    def anything(self) -> bool:
        """Whether the role may do anything at all."""
        return self.reaches and bool(self.reads or self.writes or self.truncates)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view or materialized view over tenant tables; `tenant` is None where it has no tenant column.

    `checked`: it has a WITH CHECK OPTION, which the server looks at after every constraint. `instead`: what writes for
    it are triggers or rules, which are off while it is probed.
    """

    oid: int
    schema: str
    name: str
    kind: str
    tenant: str | None
    populated: bool
    checked: bool
    instead: bool
    sources: frozenset[int]

    @property
    def label(self) -> str:
        """The canonical name."""
        return qualified(self.schema, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definer:
    """A function that looks with its owner's eyes; `required` are the arguments it must be given: name and type."""

    schema: str
    name: str
    arguments: str
    uncallable: bool
    required: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """The canonical name with its arguments."""
        return f"{qualified(self.schema, self.name)}({self.arguments})"


def read_tables(
    connection: Connection[Any], columns: Sequence[str], *, only: str | None = None, kinds: str = "rp"
) -> tuple[TenantTable, ...]:
    """Return every table with one of the tenant columns, in name order; `only` names the one schema to look in.

    `kinds` are those of pg_class: "v" reads views as if they were tables, to try to write to them.
    """
    names = {"only": only, "schemas": None, "names": None}
    rows = _rows(connection, "tables", {"columns": list(columns), "kinds": list(kinds), **names})
    return tuple(_table(row) for row in rows)


def read_listed(
    connection: Connection[Any], columns: Sequence[str], listed: Sequence[tuple[str, str]]
) -> tuple[TenantTable, ...]:
    """Return those of the tables listed by schema and name that have none of the tenant columns: `tenant` is empty."""
    names = {"only": None, "schemas": [schema for schema, _ in listed], "names": [name for _, name in listed]}
    rows = _rows(connection, "tables", {"columns": list(columns), "kinds": list("rp"), **names})
    return tuple(_table(row) for row in rows)


def _table(row: Mapping[str, Any]) -> TenantTable:
    return TenantTable(
        oid=row["oid"],
        schema=row["schema"],
        name=row["name"],
        kind=row["kind"],
        is_partition=row["is_partition"],
        tenant=row["tenant"],
        columns=tuple(Column(**column) for column in row["columns"]),
        keys=tuple(Key(qualified(key["schema"], key["name"]), tuple(key["columns"])) for key in row["keys"]),
        armed=tuple(row["armed"]),
        updatable=row["updatable"],
        has_children=row["has_children"],
    )


def read_grants(connection: Connection[Any], role: str, tables: Iterable[int]) -> dict[int, Grants]:
    """Return what a role that exists may do to tables (or views), by OID."""
    rows = _rows(connection, "grants", {"role": role, "tables": list(tables)})
    sets = ("reads", "inserts", "updates")
    return {row["oid"]: Grants(**row | {name: frozenset(row[name]) for name in sets}) for row in rows}


def read_views(connection: Connection[Any], columns: Sequence[str], tables: Iterable[int]) -> tuple[View, ...]:
    """Return the views over tables, in name order."""
    rows = _rows(connection, "views", {"columns": list(columns), "tables": list(tables)})
    return tuple(View(**row | {"sources": frozenset(row["sources"])}) for row in rows)


def read_definers(connection: Connection[Any], role: str) -> tuple[Definer, ...]:
    """Return the functions a role may call that look with other eyes than its own."""
    rows = _rows(connection, "functions", {"role": role})
    return tuple(
        Definer(
            schema=row["schema"],
            name=row["name"],
            arguments=row["arguments"],
            uncallable=row["uncallable"],
            required=tuple((one["name"], one["type"]) for one in row["required"]),
        )
        for row in rows
    )


def _rows(connection: Connection[Any], name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(read_sql(name), parameters).fetchall()
