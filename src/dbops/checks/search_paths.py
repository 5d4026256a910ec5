"""A search_path taken apart into schemas, and written again as SET takes it.

What it does not do: say which of the schemas exist.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbops.checks.names import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEMA = re.compile(r'\s*("(?:[^"]|"")*"|[^,"\s]+)\s*(?:,|\Z)')


def parse_path(text: str) -> tuple[str, ...]:
    """Return the schemas of a search_path as the catalog keeps it, in order; an empty name for an empty path."""
    return tuple(unquote(found[1]) for found in _SCHEMA.finditer(text))


def spell_path(schemas: Iterable[str]) -> str:
    """Return schemas as the value of SET search_path, an empty string for none."""
    return ", ".join(quote(schema) for schema in schemas if schema) or "''"
