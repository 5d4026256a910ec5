"""How a class of rows becomes known: `@read("<name>")` ties it to `sql/<name>.sql`.

`@gathered("<name>")` is for rows that no statement of ours returns as they are: made of plans, or of a log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Row = TypeVar("Row", bound=tuple[object, ...])

# Which class holds the rows of which read; filled by `read` below, read by `reads.py`.
ROW_CLASSES: dict[str, type[tuple[object, ...]]] = {}
GATHERED: set[type[tuple[object, ...]]] = set()


def read(name: str) -> Callable[[type[Row]], type[Row]]:
    """Register a class as what `sql/<name>.sql` returns."""

    def register(row: type[Row]) -> type[Row]:
        ROW_CLASSES[name] = row
        return row

    return register


def gathered(name: str) -> Callable[[type[Row]], type[Row]]:
    """Register a class of rows that are kept under `name`, and that no read returns."""

    def register(row: type[Row]) -> type[Row]:
        GATHERED.add(row)
        return read(name)(row)

    return register
