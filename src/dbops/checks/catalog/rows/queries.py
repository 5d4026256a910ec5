"""What the server is asked to do, how it counts that, and how it would go about it."""

from __future__ import annotations

from typing import NamedTuple

from dbops.checks.catalog.rows.base import gathered, read
from dbops.checks.statements import normalise

HIDDEN = "<insufficient privilege>"


@read("query_settings")
class QuerySettings(NamedTuple):
    """How statements are logged and counted; one row. Milliseconds are -1 where that way of logging is off.

    `preloaded` is None where the role is not shown it, `max_statements` and `track` where the library of
    pg_stat_statements is not loaded, `extension_schema` where the extension is not in this database. `overrides` are
    the settings of databases and roles for the same things, as `name=value`. `work_mem` is in bytes.
    """

    min_duration_ms: int
    min_duration_sample_ms: int
    statement_sample_rate: float
    transaction_sample_rate: float
    log_duration: bool
    log_statement: str
    auto_explain_ms: int
    auto_explain_sample_rate: float
    preloaded: str | None
    session_preloaded: str
    max_statements: int | None
    track: str | None
    query_ids: str | None
    work_mem: int
    extension_schema: str | None
    extension_usable: bool
    extension_available: bool
    overrides: tuple[str, ...]


@read("statement_statistics")
class StatementStatistics(NamedTuple):
    """A statement of this database as pg_stat_statements counts it: only the heaviest, and those that spill most.

    `query` holds no value, and is None where the role may not see it. `user` is who spent most time on it.
    `database_us` is the time of all such statements, `statements` their number, `hidden` how many of those the role may
    not see.
    """

    query_id: int | None
    user: str | None
    query: str | None
    calls: int
    total_us: int
    rows: int
    temp_bytes: int
    database_us: int
    statements: int
    hidden: int

    def received(self) -> StatementStatistics:
        """Return the row without what must not be kept."""
        if self.query is None or self.query == HIDDEN:
            return self._replace(query=None)
        return self._replace(query=normalise(self.query).text)


@read("statement_evictions")
class StatementEvictions(NamedTuple):
    """How often pg_stat_statements threw its least used entries out, in so many seconds; from 14 on."""

    evictions: int
    seconds: int


@read("table_scans")
class TableScans(NamedTuple):
    """How often a table of some size was read from start to end, and how many rows that were, since the last reset."""

    table: int
    scans: int
    rows_read: int
    live_rows: int


@read("search_paths")
class SearchPath(NamedTuple):
    """Where a role's unqualified names are looked for in this database; `role` is None for all without their own."""

    role: str | None
    path: str


@gathered("logged_statements")
class LoggedStatement(NamedTuple):
    """A statement out of a slow log, its executions added up; `query` holds no value."""

    database: str
    user: str
    query: str
    calls: int
    total_us: int
    max_us: int


@gathered("plans")
class Plan(NamedTuple):
    """How the server would carry out a statement, known by its fingerprint; `problem` says why it could not tell."""

    statement: str
    problem: str | None


@gathered("plan_nodes")
class PlanNode(NamedTuple):
    """One place where a plan reads a table, or uses an index.

    `kind` is the server's word: Seq Scan, Index Only Scan and so on. `condition` is what an index is asked for,
    `filter` what is left to be tried on each row. `rows` is how many are expected to remain. `sorted_by` is the order
    that the rows are brought into right after, `limited` whether only the first of them are wanted.
    """

    statement: str
    kind: str
    schema: str | None
    table: str | None
    index_name: str | None
    condition: str | None
    filter: str | None
    rows: int
    sorted_by: tuple[str, ...]
    limited: bool


@gathered("expected_plans")
class ExpectedPlan(NamedTuple):
    """How the server would carry out a declared query; `state` is the SQLSTATE of a `problem` that the server named."""

    statement: str
    problem: str | None
    state: str | None


@gathered("expected_plan_nodes")
class ExpectedPlanNode(PlanNode):
    """One place where the plan of a declared query reads a table or uses an index; the query's values are masked."""

    __slots__ = ()
