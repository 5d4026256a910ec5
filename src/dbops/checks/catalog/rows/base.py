"""How a class of rows becomes known: `@read("<name>")` ties it to `sql/<name>.sql`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Row = TypeVar("Row", bound=tuple[object, ...])

# Which class holds the rows of which read; filled by `read` below, read by `reads.py`.
ROW_CLASSES: dict[str, type[tuple[object, ...]]] = {}


def read(name: str) -> Callable[[type[Row]], type[Row]]:
    """Register a class as what `sql/<name>.sql` returns."""

    def register(row: type[Row]) -> type[Row]:
        ROW_CLASSES[name] = row
        return row

    return register
