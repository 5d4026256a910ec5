"""Which statements take most time at the source: a copy that nobody has worked with does not know.

They are handed to the audit of the copy as though a slow log had named them; their texts hold no value. What this does
not do: explain them, or judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.catalog import LoggedStatement, QuerySettings, StatementStatistics
from dbops.checks.catalog.read import read_catalog
from dbops.checks.workload import observed

if TYPE_CHECKING:
    from dbops.connection.session import Session


def read_workload(session: Session) -> tuple[LoggedStatement, ...]:
    """Return the statements that pg_stat_statements counted, as far as the session's role may see them."""
    catalog = read_catalog(session, {StatementStatistics, QuerySettings})
    return tuple(
        LoggedStatement(
            database=session.facts.database,
            user=one.user or "",
            query=one.statement.text,
            calls=one.counted.calls,
            total_us=one.counted.total_us,
            max_us=round(one.counted.mean_ms * 1000),
        )
        for one in observed(catalog)
        if one.counted and one.statement.is_explainable and not one.statement.is_of_a_tool
    )
