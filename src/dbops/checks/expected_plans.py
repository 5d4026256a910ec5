"""Declared queries: asking how the server would carry them out, and whether that is as declared.

Each is explained twice, as the planner would have it and with scans of whole tables discouraged: of a small table it
rightly reads everything, and an expectation must not fail on a test database for that. The rules: only in a session
that is no superuser's, unless that was allowed; only what is one SELECT (`policy.py`); a query that the server cannot
parse is a mistake of the configuration, one that it cannot plan a finding. What is kept of the plans holds no value.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.checks.catalog import ExpectedPlan, ExpectedPlanNode, ReadFailure, SearchPath
from dbops.checks.declarations import UnknownNameError, relation_of
from dbops.checks.expectations import match_indexes
from dbops.checks.explain import Question, ask, search_path_of
from dbops.checks.names import parse_qualified, qualified, quote, unquote
from dbops.checks.statements import highest_parameter, normalise
from dbops.checks.surplus import with_parts
from dbops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog, Index, Relation
    from dbops.checks.explain import Answer
    from dbops.checks.policy import Declared, Policy
    from dbops.connection.session import Session
    from dbops.settings import ExpectedQuery

_SYNTAX_ERROR = "42601"
# Under this the planner is right to read the whole table: 128 pages of the usual size are 1 MiB.
_SMALL_PAGES = 128
_SMALL_ROWS = 10_000

REFUSAL = ReadFailure(
    "skip",
    "declared queries are not explained in a superuser's session, since planning one can call functions that anybody"
    " wrote",
    "audit as a role that is no superuser, with SELECT on the tables, or allow it with --allow-superuser",
)


# Asking


def with_expected_plans(session: Session, catalog: Catalog, policy: Policy, *, allow_superuser: bool) -> Catalog:
    """Return the snapshot with the plans of the declared queries; costs a round trip if there are any.

    Raises ConfigurationError, with file and line, for a query that the server cannot parse.
    """
    if policy.expected_queries and catalog.server.is_superuser and not allow_superuser:
        return catalog.extended({}, {ExpectedPlan: REFUSAL, ExpectedPlanNode: REFUSAL})
    paths = {row.role: row.path for row in catalog.rows_if_readable(SearchPath)}
    path = search_path_of(paths, catalog.server.user)
    questions = {
        key_of(one.value, seq_scans=seq_scans): Question(
            key_of(one.value, seq_scans=seq_scans), one.value.sql, highest_parameter(one.value.sql), path, seq_scans
        )
        for one in policy.expected_queries
        for seq_scans in (True, False)
    }
    answers = ask(session, [*questions.values()])
    _refuse_mistakes(policy, {answer.key: answer for answer in answers})
    return catalog.extended(
        {
            ExpectedPlan: tuple(ExpectedPlan(answer.key, answer.problem, answer.state) for answer in answers),
            ExpectedPlanNode: tuple(
                ExpectedPlanNode._make(node)._replace(condition=_masked(node.condition), filter=_masked(node.filter))
                for answer in answers
                for node in answer.nodes
            ),
        }
    )


def key_of(query: ExpectedQuery, *, seq_scans: bool = True) -> str:
    """Return what a query is known by in the snapshot: the digest of its text, and how it was explained."""
    return hashlib.sha256(query.sql.encode()).hexdigest() + ("" if seq_scans else " without scans of whole tables")


def _masked(text: str | None) -> str | None:
    return normalise(text).text if text else text


def _refuse_mistakes(policy: Policy, answers: dict[str, Answer]) -> None:
    for one in policy.expected_queries:
        answer = answers[key_of(one.value)]
        if answer.state == _SYNTAX_ERROR:
            place = f"{one.location.file}:{one.location.line}" if one.location else "settings"
            raise ConfigurationError(
                f"{place}: the server cannot parse the query of the expectation {one.value.id!r}: {answer.problem}",
                hint="try it in psql",
            )


# Judging


@dataclass(frozen=True, slots=True)
class PlanMatch:
    """What became of one expectation: `failures` are in what its plan is not as declared, none where it is.

    `unknown` is why that cannot be told; `nodes` are where the plan reads.
    """

    declared: Declared[ExpectedQuery]
    failures: tuple[str, ...] = ()
    unknown: ReadFailure | None = None
    nodes: tuple[ExpectedPlanNode, ...] = ()


def match_queries(catalog: Catalog, policy: Policy) -> tuple[PlanMatch, ...]:
    """Return the outcome of every declared query, in the order declared; worked out once for a snapshot."""
    return catalog.once(
        ("expected queries", policy.expected_queries, policy.expected_indexes),
        lambda: tuple(_match(catalog, policy, declared) for declared in policy.expected_queries),
    )


def _match(catalog: Catalog, policy: Policy, declared: Declared[ExpectedQuery]) -> PlanMatch:
    value = declared.value
    plan = _plans(catalog).get(key_of(value))
    if plan is None:
        return PlanMatch(declared, unknown=ReadFailure("skip", "it was not explained when the catalog was saved"))
    if plan.problem:
        return _without_plan(catalog, declared, plan)
    nodes = _nodes(catalog, key_of(value))
    try:
        failures = tuple(_failures(catalog, policy, value, nodes))
        could = tuple(_failures(catalog, policy, value, _nodes(catalog, key_of(value, seq_scans=False))))
    except UnknownNameError as unknown:
        return PlanMatch(declared, (str(unknown),), nodes=nodes)
    if failures and not could:
        if all(_is_small(catalog, node) for node in nodes):
            return PlanMatch(declared, nodes=nodes)
        failures = (*failures, "it could be otherwise, but the planner takes that for dearer")
    return PlanMatch(declared, failures, nodes=nodes)


def _plans(catalog: Catalog) -> dict[str, ExpectedPlan]:
    return catalog.once("expected plans", lambda: {plan.statement: plan for plan in catalog.rows(ExpectedPlan)})


def _nodes(catalog: Catalog, key: str) -> tuple[ExpectedPlanNode, ...]:
    def by_key() -> dict[str, list[ExpectedPlanNode]]:
        found: dict[str, list[ExpectedPlanNode]] = defaultdict(list)
        for node in catalog.rows(ExpectedPlanNode):
            found[node.statement].append(node)
        return found

    return tuple(catalog.once("expected plan nodes", by_key).get(key, ()))


def _without_plan(catalog: Catalog, declared: Declared[ExpectedQuery], plan: ExpectedPlan) -> PlanMatch:
    """Return what it means that a query has no plan."""
    problem = plan.problem or ""
    if plan.state is None:  # it has one, which reads nothing
        return PlanMatch(declared, unknown=ReadFailure("skip", problem))
    if plan.state == "42501":
        return PlanMatch(declared, unknown=ReadFailure("skip", problem, _grant(catalog, declared.value.sql)))
    if plan.state[:2] in {"0A", "22", "3F", "42"}:
        return PlanMatch(declared, (f"the server refuses it: {problem}",))
    return PlanMatch(declared, unknown=ReadFailure("error", f"{problem} (SQLSTATE {plan.state})"))


def _grant(catalog: Catalog, sql: str) -> str:
    """Return the GRANT that lets the role explain a query, which takes the rights to run it."""
    user, tables = quote(catalog.server.user), _tables_named(catalog, sql)
    if not tables:
        return f"grant what the query needs to {user}: EXPLAIN takes the same rights as running it"
    schemas = sorted({quote(table.schema) for table in tables} - {"public"})
    usage = f"grant usage on schema {', '.join(schemas)} to {user};\n" if schemas else ""
    names = sorted({qualified(table.schema, table.name) for table in tables})
    return f"{usage}grant select on {', '.join(names)} to {user};"


def _tables_named(catalog: Catalog, sql: str) -> list[Relation]:
    """Return the relations that stand where a query names what it reads; without a schema, public's."""
    words = [token.text for token in normalise(sql).tokens]
    found = []
    for i, before in enumerate(words[:-1], start=1):
        if before in {"from", "join", "only", ",", "("}:
            name = ("public", *words[i : i + 1]) if words[i + 1 : i + 2] != ["."] else words[i : i + 3 : 2]
            found.append(catalog.relation_named(*map(unquote, name)) if len(name) == 2 else None)
    return [table for table in found if table]


def _failures(
    catalog: Catalog, policy: Policy, value: ExpectedQuery, nodes: tuple[ExpectedPlanNode, ...]
) -> Iterator[str]:
    """Yield in what a plan is not as declared; UnknownNameError for an index or table that is not there."""
    if value.uses_index:
        wanted = {catalog.index_name(index) for index in _indexes(catalog, policy, value.uses_index)}
        used = {qualified(node.schema, node.index_name) for node in nodes if node.schema and node.index_name}
        if not wanted & used:
            yield f"the plan does not use {value.uses_index}, but {spelled(nodes)}"
    for text in value.no_seq_scan:
        table = relation_of(catalog, text)
        names = {(leaf.schema, leaf.name) for leaf in (table, *_leaves(catalog, table))}
        if any(node.kind == "Seq Scan" and (node.schema, node.table) in names for node in nodes):
            yield f"the plan reads {qualified(table.schema, table.name)} from start to end"


def _leaves(catalog: Catalog, table: Relation) -> tuple[Relation, ...]:
    return catalog.leaves(table.oid) if table.is_partitioned else ()


def _indexes(catalog: Catalog, policy: Policy, text: str) -> list[Index]:
    """Return the indexes that a declared name stands for, with their parts: the id of an expected index, or a name."""
    for match in match_indexes(catalog, policy):
        if match.value.id == text:
            if not match.fitting:
                raise UnknownNameError(f"the index that it is to use, the expectation {text}, is not there to be used")
            return [part for index in match.fitting for part in with_parts(catalog, index)]
    try:
        schema, name = parse_qualified(text, "")
    except ValueError:
        schema, name = "", text
    found = [
        index
        for index in catalog.indexes.values()
        if index.name == name and schema in {"", catalog.relations[index.table].schema}
    ]
    if not found:
        raise UnknownNameError(f"there is no index {text}, and no expected index has that id")
    return [part for index in found for part in with_parts(catalog, index)]


def _is_small(catalog: Catalog, node: ExpectedPlanNode) -> bool:
    table = catalog.relation_named(node.schema or "", node.table or "")
    return table is None or (table.pages < _SMALL_PAGES and max(table.rows, node.rows) < _SMALL_ROWS)


def spelled(nodes: tuple[ExpectedPlanNode, ...]) -> str:
    """Return where a plan reads, in words: `Seq Scan on public.orders`."""
    said = []
    for node in nodes:
        where = f" on {qualified(node.schema, node.table)}" if node.schema and node.table else ""
        said.append(f"{node.kind}{where}" + (f" using {quote(node.index_name)}" if node.index_name else ""))
    return ", ".join(dict.fromkeys(said)) or "nothing"


def unanswered(matches: tuple[PlanMatch, ...]) -> tuple[ReadFailure, ...]:
    """Return why some of the queries could not be judged, each reason once."""
    return tuple(dict.fromkeys(match.unknown for match in matches if match.unknown))
