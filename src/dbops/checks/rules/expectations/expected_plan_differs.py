"""A declared query is not carried out as it should be.

## What it detects

An expectation (`[[expect.query]]`) whose plan does not use the index it is to use, or reads a table of `no_seq_scan`
from start to end. `uses_index` is the name of an index, or the id of an expected one, whatever that is called in the
database; of a partitioned table the index and the partitions count with their parent. The statement is one SELECT, its
values given or left open as `$1`, `$2`; it is explained, never run. A query that names what does not exist, and an
index that is not there, are findings as well.

## Why it matters

Somebody declared how this query must find its rows, because it is one that people wait for. An index can be there and
not be used: a cast, a function or a type in the query that does not fit it is enough, and so are statistics that
mislead the planner.

## How to fix

Run what is under "verify", and compare the conditions of the plan with the columns of the index, their types and their
order. Where the finding has a statement, it makes an index that serves the query as it is. Where the planner could use
the index and thinks it dearer, its statistics are the first thing to look at: ANALYZE the table.

## What it does not see

How long the query takes. It is planned with the rights of the role that audits, so row-level security adds its
conditions, and with that role's settings. While a table is small the planner is right to read all of it, so under
1 MiB and 10,000 rows it is enough that the index could be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.checks.candidates import candidates
from dbops.checks.catalog import (
    Collation,
    Constraint,
    DataType,
    ExpectedPlan,
    ExpectedPlanNode,
    Index,
    OperatorClass,
    ReadFailedError,
    Relation,
    SearchPath,
    TableColumns,
)
from dbops.checks.declarations import require_anything_declared, spelled_expectation
from dbops.checks.expected_plans import PlanMatch, match_queries, unanswered
from dbops.checks.roles import joined
from dbops.checks.rule import Draft, Rule, RuleSkippedError
from dbops.checks.statements import highest_parameter
from dbops.model import Scope
from dbops.quantities import counted
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.checks.remediation import Fix

RULE = Rule(
    severity=Severity.ERROR,
    needs=[
        Relation, TableColumns, DataType, Index, Constraint, OperatorClass, Collation, ExpectedPlan, ExpectedPlanNode,
    ],
    refines=[SearchPath],
)  # fmt: skip

_GENERIC_PLAN_VERSION = 160000


def find(catalog: Catalog, policy: Policy) -> Iterator[Draft]:
    """Yield each declared query whose plan is another one."""
    require_anything_declared(policy)
    matches = match_queries(catalog, policy)
    for match in matches:
        if match.failures:
            yield _draft(catalog, match)
    reasons = unanswered(matches)
    if reasons and all(reason.status == "error" for reason in reasons) and not any(match.failures for match in matches):
        raise ReadFailedError("expected_plans", reasons[0])
    if reasons:
        told = "; ".join(reason.reason for reason in reasons)
        remedies = dict.fromkeys(reason.remedy for reason in reasons if reason.remedy)
        raise RuleSkippedError(f"{_count(matches)} could not be judged: {told}", hint="; ".join(remedies) or None)


def _count(matches: tuple[PlanMatch, ...]) -> str:
    number = sum(match.unknown is not None for match in matches)
    return counted(number, "query", "queries")


def scope(catalog: Catalog, policy: Policy) -> Scope:
    """Count the declared queries, of which those with a plan were judged."""
    matches = match_queries(catalog, policy)
    return Scope(checked=sum(match.unknown is None for match in matches), total=len(matches))


def _draft(catalog: Catalog, match: PlanMatch) -> Draft:
    value = match.declared.value
    return Draft(
        object=f"query {value.id}",
        detail=spelled_expectation(value, "; ".join(match.failures)),
        signature=(value.uses_index or "", *value.no_seq_scan),
        severity=value.severity,
        why=value.reason or None,
        verify=_verify(catalog, value.sql),
        fix=_fix(catalog, match),
        location=match.declared.location,
        expectation=value.id,
    )


def _verify(catalog: Catalog, sql: str) -> str | None:
    if highest_parameter(sql) == 0:
        return f"explain (verbose) {sql.strip().rstrip(';')};"
    if catalog.server.version >= _GENERIC_PLAN_VERSION:
        return f"explain (verbose, generic_plan) {sql.strip().rstrip(';')};"
    return None


def _fix(catalog: Catalog, match: PlanMatch) -> Fix | None:
    """Return what makes the indexes that the plan would have use of, if there are any."""
    known = candidates(catalog)
    return joined(candidate.fix(catalog) for candidate in dict.fromkeys(known[n] for n in match.nodes if n in known))
