"""Ask the server how it would carry statements out, all of them in one round trip, and none is carried out.

A statement is prepared and its generic plan explained, the one for any values: `EXPLAIN (GENERIC_PLAN)` of its text
would do from 16 on, but in a pipeline the server takes `$1` for a parameter that was sent, and plans for NULL. The
rules:

1. Never EXPLAIN ANALYZE, and only statements that EXPLAIN merely plans (`Statement.is_explainable`).
2. Never in a superuser's session: planning calls functions, those of index expressions for one, that anybody wrote.
   What they can do in this session is read what its role may read, no more.
3. Each statement in a savepoint of its own, under the session's timeouts and its read-only transaction.
4. What was prepared is deallocated, whatever happened: behind a pooler the server session outlives ours.
5. Of a plan only what reads tables and indexes is kept.

Names are looked up as the role that ran the statement would, by its search_path. What it does not do: explain for that
role's rights, so row-level security shows up as it is for ours; or judge a plan.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import pq

from dbops.checks.catalog.pipeline import run_apart
from dbops.checks.catalog.rows.queries import Plan, PlanNode, SearchPath
from dbops.checks.catalog.snapshot import ReadFailure
from dbops.checks.names import literal, quote
from dbops.checks.workload import observed
from dbops.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg.pq.abc import PGresult

    from dbops.checks.catalog import Catalog
    from dbops.connection.session import Session

# The statements that take most time are the ones worth it; more would make the audit a load itself.
MAX_PLANS = 20

REFUSAL = ReadFailure(
    "skip",
    "statements are not explained in a superuser's session, since planning one can call functions that anybody wrote",
    "audit as a role that is no superuser, with pg_monitor and SELECT on the tables",
)
_DEFAULT_PATH = '"$user", public'
_GENERIC_PLAN_VERSION = 160000
# What hands rows on as they come: the order and the limit above it hold for what is below.
_PASSING = frozenset({"Limit", "Gather", "Gather Merge", "Sort", "Incremental Sort", "LockRows", "Append", "Result"})


class Question(NamedTuple):
    """A statement to explain: known by `key` in the answers, `parameters` many `$n` in it.

    Without `seq_scans` the planner reads a table from start to end only where it cannot do otherwise.
    """

    key: str
    text: str
    parameters: int = 0
    search_path: str = "pg_catalog, pg_temp"
    seq_scans: bool = True


class Answer(NamedTuple):
    """What came of a question: where the plan reads, or the `problem` with its SQLSTATE, if the server gave one."""

    key: str
    problem: str | None
    state: str | None
    nodes: tuple[PlanNode, ...]


def explain_workload(session: Session, catalog: Catalog) -> tuple[tuple[Plan, ...], tuple[PlanNode, ...]] | ReadFailure:
    """Return the plans of the statements that take most time, or why there are none."""
    paths = {row.role: row.path for row in catalog.rows_if_readable(SearchPath)}
    questions = [
        Question(
            one.statement.fingerprint, one.statement.text, one.statement.parameters, search_path_of(paths, one.user)
        )
        for one in observed(catalog)
        if one.statement.is_explainable
    ][:MAX_PLANS]
    if questions and catalog.server.is_superuser:
        return REFUSAL
    return explain(session, questions)


def search_path_of(paths: dict[str | None, str], user: str | None) -> str:
    """Return where the names in a statement of `user` are looked for."""
    path = paths.get(user, paths.get(None, _DEFAULT_PATH))
    return path.replace('"$user"', quote(user)) if user else path


def explain(session: Session, questions: Sequence[Question]) -> tuple[tuple[Plan, ...], tuple[PlanNode, ...]]:
    """Return what came of each question, in order, and where the plans read, as rows of the snapshot."""
    answers = ask(session, questions)
    plans = tuple(Plan(answer.key, answer.problem) for answer in answers)
    return plans, tuple(node for answer in answers for node in answer.nodes)


def ask(session: Session, questions: Sequence[Question]) -> tuple[Answer, ...]:
    """Return what came of each question, in order. Costs a round trip if there are any.

    The caller sees to it that the session is no superuser's, and that the statements are ones that EXPLAIN only plans.
    """
    units = [unit for i, question in enumerate(questions) for unit in _units(session.server_version, i, question)]
    results = list(run_apart(session.connection, units) if units else ())
    # Every other one is a deallocation.
    return tuple(_answer(question, result) for question, result in zip(questions, results[::2], strict=True))


def _answer(question: Question, result: PGresult) -> Answer:
    if result.status != pq.ExecStatus.TUPLES_OK:
        state = result.error_field(pq.DiagnosticField.SQLSTATE)
        message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"the statement was not run").decode()
        return Answer(question.key, redact(message), state.decode() if state else None, ())
    plan = json.loads(result.get_value(0, 0) or b"[]")[0]["Plan"]
    found = tuple(_nodes(question.key, plan, _Above()))
    return Answer(question.key, None if found else _nothing_read(plan), None, found)


def _units(version: int, number: int, question: Question) -> Iterator[Sequence[str]]:
    """Yield what to run in one savepoint, and what in the next."""
    name = f"dbops_plan_{number}"
    settings = {"search_path": question.search_path, "plan_cache_mode": "force_generic_plan"}
    options = "format json, verbose"
    if version >= _GENERIC_PLAN_VERSION:
        options += ", generic_plan"
    elif question.parameters:
        # Without that option the executor prunes partitions by the NULLs below, and shows none.
        settings["enable_partition_pruning"] = "off"
    if not question.seq_scans:
        settings["enable_seqscan"] = "off"
    values = f"({', '.join(['null'] * question.parameters)})" if question.parameters else ""
    yield (
        f"select {', '.join(_set(setting, value) for setting, value in settings.items())}",
        f"prepare {name} as {question.text}",
        f"explain ({options}) execute {name}{values}",
    )
    yield (f"deallocate {name}",)


def _set(setting: str, value: str) -> str:
    return f"pg_catalog.set_config({literal(setting)}, {literal(value)}, true)"


def _nothing_read(plan: dict[str, Any]) -> str | None:
    if plan.get("One-Time Filter") == "false":
        return "the plan reads nothing: no row can meet its conditions, or row-level security shows this role none"
    return None


# What of a plan is kept

# The planner reckons that each worker costs the leader so much of its share.
_LEADER_LOSES = 0.3


class _Above(NamedTuple):
    """What the plan does with the rows of a node, as far as it matters to how they are best read."""

    sorted_by: tuple[str, ...] = ()
    limited: bool = False
    workers: int = 0
    heap: tuple[str | None, str | None] = (None, None)  # of a bitmap index scan, which does not say its table


def _nodes(key: str, plan: dict[str, Any], above: _Above) -> Iterator[PlanNode]:
    kind = str(plan["Node Type"])
    schema, table = plan.get("Schema"), plan.get("Relation Name")
    if kind == "Bitmap Index Scan":
        schema, table = above.heap
    if (table or plan.get("Index Name")) and kind != "ModifyTable":
        yield PlanNode(
            statement=key,
            kind=kind,
            schema=schema,
            table=table,
            index_name=plan.get("Index Name"),
            condition=plan.get("Index Cond") or plan.get("Recheck Cond"),
            filter=plan.get("Filter"),
            rows=round(plan["Plan Rows"] * (_shares(above.workers) if plan.get("Parallel Aware") else 1)),
            sorted_by=above.sorted_by,
            limited=above.limited,
        )
    below = _below(kind, plan, above)._replace(heap=(schema, table))
    for child in plan.get("Plans", ()):
        yield from _nodes(key, child, below)


def _shares(workers: int) -> float:
    """Return into how many shares the planner cut the rows of a parallel scan: the leader has less time to read."""
    return workers + max(0.0, 1 - _LEADER_LOSES * workers)


def _below(kind: str, plan: dict[str, Any], above: _Above) -> _Above:
    workers = above.workers or int(plan.get("Workers Planned", 0))
    if kind not in _PASSING:
        return _Above(workers=workers)
    sorted_by = tuple(map(str, plan.get("Sort Key", ()))) or above.sorted_by
    return _Above(sorted_by, above.limited or kind == "Limit", workers)
