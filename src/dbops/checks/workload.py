"""What the database is asked to do: statements from pg_stat_statements and from slow logs, each once.

One statement is one whatever it was counted under: by role, by queryid, in a log. Values are out of it already. The
rules that judge statements, and `explain.py`, which asks for their plans, look at the same list.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.checks.catalog import LoggedStatement, PlanNode, QuerySettings, StatementStatistics
from dbops.checks.names import quote
from dbops.checks.rule import RuleSkippedError
from dbops.checks.statements import normalise
from dbops.model import Scope

if TYPE_CHECKING:
    from dbops.checks.catalog import Catalog
    from dbops.checks.statements import Statement


@dataclass(frozen=True, slots=True)
class Figures:
    """How often a statement ran, how long in all (microseconds), and how long all statements of the source together."""

    calls: int
    total_us: int
    everything_us: int

    @property
    def mean_ms(self) -> float:
        """Milliseconds of one execution, on average."""
        return self.total_us / self.calls / 1000 if self.calls else 0.0

    @property
    def share(self) -> float:
        """Part of the time of all statements, from 0 to 1."""
        return self.total_us / self.everything_us if self.everything_us else 0.0


@dataclass(frozen=True, slots=True)
class Observed:
    """A statement that was seen at work: in the statistics (`counted`), in a slow log (`logged`), or in both."""

    statement: Statement
    user: str | None
    counted: Figures | None
    logged: Figures | None
    temp_bytes: int = 0
    query_id: int | None = None

    @property
    def share(self) -> float:
        """The larger of its shares."""
        return max(figures.share for figures in (self.counted, self.logged) if figures)


def observed(catalog: Catalog) -> tuple[Observed, ...]:
    """Return every statement whose text is known, those that took the largest share first."""
    return catalog.once("observed statements", lambda: _observed(catalog))


def hidden(catalog: Catalog) -> tuple[StatementStatistics, ...]:
    """Return the statistics of statements that the role may not see."""
    return tuple(row for row in catalog.rows_if_readable(StatementStatistics) if row.query is None)


def require_statistics(catalog: Catalog) -> None:
    """Raise RuleSkippedError or ReadFailedError, with the remedy, where the statistics could not be read."""
    settings = next(iter(catalog.rows_if_readable(QuerySettings)), None)
    if settings and settings.extension_schema and not settings.extension_usable:
        raise RuleSkippedError(
            "pg_stat_statements is in a schema that is closed to this role",
            hint=f"grant usage on schema {quote(settings.extension_schema)} to {quote(catalog.server.user)};",
        )
    catalog.rows(StatementStatistics)


def scope_of(catalog: Catalog) -> Scope | None:
    """Return how many of the statements that were counted could be seen, None where the statistics were not read."""
    if catalog.failure(StatementStatistics):
        return None
    first = next(iter(catalog.rows_if_readable(StatementStatistics)), None)
    total = first.statements if first else 0
    return Scope(checked=total - (first.hidden if first else 0), total=total)


def plan_nodes(catalog: Catalog, one: Observed) -> tuple[PlanNode, ...]:
    """Return where the plan of a statement reads; nothing where there is none."""
    by_statement = catalog.once("nodes of plans", lambda: _nodes_by_statement(catalog))
    return by_statement.get(one.statement.fingerprint, ())


def _nodes_by_statement(catalog: Catalog) -> dict[str, tuple[PlanNode, ...]]:
    found: dict[str, list[PlanNode]] = defaultdict(list)
    for node in catalog.rows_if_readable(PlanNode):
        found[node.statement].append(node)
    return {statement: tuple(nodes) for statement, nodes in found.items()}


def _observed(catalog: Catalog) -> tuple[Observed, ...]:
    counted: dict[str, list[StatementStatistics]] = defaultdict(list)
    logged: dict[str, list[LoggedStatement]] = defaultdict(list)
    statements: dict[str, Statement] = {}
    for row in catalog.rows_if_readable(StatementStatistics):
        if row.query is not None:
            statement = normalise(row.query)
            statements.setdefault(statement.fingerprint, statement)
            counted[statement.fingerprint].append(row)
    here = [row for row in catalog.rows_if_readable(LoggedStatement) if row.database == catalog.server.database]
    for entry in here:
        statement = normalise(entry.query)
        if not statement.is_of_a_tool and statement.is_explainable:
            statements.setdefault(statement.fingerprint, statement)
            logged[statement.fingerprint].append(entry)
    logged_us = sum(entry.total_us for entries in logged.values() for entry in entries)
    found = [_one(statements[key], counted[key], logged[key], logged_us) for key in statements]
    return tuple(sorted(found, key=lambda one: (-one.share, one.statement.fingerprint)))


def _one(
    statement: Statement, counted: list[StatementStatistics], logged: list[LoggedStatement], logged_us: int
) -> Observed:
    heaviest = max(counted, key=lambda row: row.total_us, default=None)
    return Observed(
        statement=statement,
        user=heaviest.user if heaviest else logged[0].user,
        counted=Figures(sum(row.calls for row in counted), sum(row.total_us for row in counted), heaviest.database_us)
        if heaviest
        else None,
        logged=Figures(sum(row.calls for row in logged), sum(row.total_us for row in logged), logged_us)
        if logged
        else None,
        temp_bytes=sum(row.temp_bytes for row in counted),
        query_id=heaviest.query_id if heaviest else None,
    )
