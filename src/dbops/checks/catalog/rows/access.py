"""Who may see what, and what is sent elsewhere."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import read


@read("row_policies")
class RowPolicy(NamedTuple):
    """A row-level security policy; `command` is * (all), r (select), a (insert), w (update) or d (delete)."""

    table: int
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using_expression: str | None
    check_expression: str | None


@read("publications")
class Publication(NamedTuple):
    """What logical replication publishes: `all_tables`, or `tables`, or whole `schemas`."""

    name: str
    all_tables: bool
    updates: bool
    deletes: bool
    tables: tuple[int, ...]
    schemas: tuple[str, ...]
