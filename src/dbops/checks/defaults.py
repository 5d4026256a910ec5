"""What the default of a column says: one fixed value, or a new one for each row.

What it does not do: understand an expression. A default is fixed if it is a literal, whatever it is cast to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbops.checks.catalog import ColumnDefault

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog

_FIXED = re.compile(
    r"""\(* (?: [eE]?'(?:[^'\\]|\\.|'')*' | -?[\d.]+ | NULL | true | false ) \)* (?: ::[\w\s."\[\](),]+ )?""",
    re.VERBOSE,
)


def default_of(catalog: Catalog, table: int, number: int) -> str | None:
    """Return the default of a column as the server prints it, or what it is generated from; None where it has none."""
    defaults = catalog.once(
        "defaults", lambda: {(row.table, row.number): row.expression for row in catalog.rows(ColumnDefault)}
    )
    return defaults.get((table, number))


def is_fixed(expression: str) -> bool:
    """Return whether a default is the same for every row."""
    return _FIXED.fullmatch(expression) is not None
