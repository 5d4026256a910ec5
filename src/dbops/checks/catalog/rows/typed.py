"""What somebody typed, as a server prints it."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import gathered


@gathered("server_forms")
class ServerForm(NamedTuple):
    """How a server prints an expression that was declared about a table; asked of a throw-away one of the same major.

    `use` is predicate or key (of an index), check or exclude (a constraint). `printed` is None where that server could
    not tell either, for the reason in `problem`.
    """

    schema: str
    table: str
    use: str
    typed: str
    printed: str | None
    problem: str | None
