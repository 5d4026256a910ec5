"""Who may see what, and what is sent elsewhere."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read
from dbops.checks.names import qualified


@read("row_policies")
class RowPolicy(NamedTuple):
    """A row-level security policy; `command` is * (all), r (select), a (insert), w (update) or d (delete).

    Its expressions depend on `columns` of its own table, on `functions` that are no part of PostgreSQL, and on other
    `relations`; PostgreSQL does not say which of the two expressions does. A reference to the whole row is not noted.
    """

    table: int
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using_expression: str | None
    check_expression: str | None
    columns: tuple[int, ...]
    functions: tuple[int, ...]
    relations: tuple[int, ...]


@read("publications")
class Publication(NamedTuple):
    """What logical replication publishes: `all_tables`, or `tables`, or whole `schemas`."""

    name: str
    all_tables: bool
    updates: bool
    deletes: bool
    tables: tuple[int, ...]
    schemas: tuple[str, ...]


@read("policy_functions")
class PolicyFunction(NamedTuple):
    """A function that a policy calls, or that reads a setting; `volatility` is i, s or v."""

    oid: int
    schema: str
    name: str
    arguments: str
    volatility: str
    source: str

    @property
    def call(self) -> str:
        """How a policy calls it where it takes no argument, as PostgreSQL spells it."""
        return f"{qualified(self.schema, self.name)}()"

    @property
    def canonical_name(self) -> str:
        """The name by which SQL tells it from its namesakes."""
        return f"{qualified(self.schema, self.name)}({self.arguments})"


@read("setting_presets")
class SettingPreset(NamedTuple):
    """That sessions begin with a value for an application's setting: of a role, in a database, or of everybody.

    `value` is None where it is not shown; it is not empty then.
    """

    role: str | None
    database: str | None
    name: str
    value: str | None
