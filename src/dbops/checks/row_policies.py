"""The row-level security policies of a table."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dbops.checks.catalog import RowPolicy

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog


def policies_of(catalog: Catalog, table: int) -> tuple[RowPolicy, ...]:
    """Return the policies of a table, ordered by name."""
    return catalog.once("policies by table", lambda: _by_table(catalog)).get(table, ())


def _by_table(catalog: Catalog) -> dict[int, tuple[RowPolicy, ...]]:
    found: dict[int, list[RowPolicy]] = defaultdict(list)
    for row in catalog.rows(RowPolicy):
        found[row.table].append(row)
    return {table: tuple(rows) for table, rows in found.items()}
