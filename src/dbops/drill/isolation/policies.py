"""What row-level security makes of a row that does not exist: the policies of a role, evaluated on a fabricated row.

As the server combines them: a command needs one permissive policy to say yes and no restrictive one to say no; where
there is no permissive one, the answer is no. Columns but the tenant are null. What this does not do: know what grants,
constraints and triggers would say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from psycopg import sql
from psycopg.rows import dict_row

from dbops.drill.isolation.targets import read_sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

    from dbops.drill.isolation.targets import TenantTable

# As pg_policy spells them.
Command = Literal["a", "w", "d"]
INSERT: Command = "a"
UPDATE: Command = "w"
DELETE: Command = "d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy that applies to a role; texts as the catalog prints them, None where there is none."""

    oid: int
    name: str
    command: str
    permissive: bool
    using_text: str | None
    check_text: str | None


def read_policies(connection: Connection[Any], role: str, tables: Iterable[int]) -> dict[int, list[Policy]]:
    """Return the policies that apply to a role, by table."""
    found: dict[int, list[Policy]] = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(read_sql("policies"), {"role": role, "tables": list(tables)}):
            found.setdefault(row["oid"], []).append(Policy(**row))
    return found


@dataclass(frozen=True, slots=True)
class Simulation:
    """One table's policies for one role; `active` False: row-level security does not apply to the role at all."""

    table: TenantTable
    policies: list[Policy]
    active: bool

    def accepts(self, command: Command, tenant: str) -> sql.Composed:
        """Return the condition that a new row of a tenant is accepted."""
        return self._on_row(command, tenant, new=True)

    def reaches(self, command: Command, tenant: str) -> sql.Composed:
        """Return the condition that a row of a tenant, which is there, is reached without a WHERE."""
        return self._on_row(command, tenant, new=False)

    def _on_row(self, command: Command, tenant: str, *, new: bool) -> sql.Composed:
        """Return the policies' answer as a scalar sub-select over the fabricated row."""
        return sql.SQL("(select {} from {} as {})").format(
            self._combined(command, new=new), self._row(tenant), sql.Identifier(self.table.name)
        )

    def _combined(self, command: Command, *, new: bool) -> sql.Composable:
        if not self.active:
            return sql.SQL("true")
        texts: dict[bool, list[sql.Composable]] = {True: [], False: []}
        for policy in self.policies:
            if policy.command in {"*", command}:
                text = policy.check_text if new else policy.using_text
                texts[policy.permissive].append(sql.SQL(f"coalesce(({text}), false)" if text else "true"))
        allowed = sql.SQL(" or ").join(texts[True]) if texts[True] else sql.SQL("false")
        return sql.SQL(" and ").join([sql.SQL("({})").format(allowed), *texts[False]])

    def _row(self, tenant: str) -> sql.Composed:
        values = [
            sql.SQL("cast({} as {}) as {}").format(
                sql.Literal(tenant if one.name == self.table.tenant else None),
                sql.SQL(one.plain_type),  # of a domain what it is made of: a domain may refuse null
                sql.Identifier(one.name),
            )
            for one in self.table.columns
        ]
        return sql.SQL("(select {})").format(sql.SQL(", ").join(values))
