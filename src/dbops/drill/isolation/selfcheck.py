"""Whether the probes can tell: two throw-away tables, one kept apart as it should be, one open to everybody.

Both are probed as every other table is, by a role that has no other rights. The right one must pass every probe, the
wrong one must be reported by each that it leaks to. Otherwise the detector is broken, and nothing it said counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from dbops.drill.isolation.population import read_population
from dbops.drill.isolation.role import RoleProbe
from dbops.drill.isolation.stage import Actor
from dbops.drill.isolation.targets import read_sql, read_tables
from dbops.drill.isolation.verdicts import Outcome

if TYPE_CHECKING:
    from dbops.drill.isolation.options import IsolationOptions
    from dbops.drill.isolation.stage import Stage
    from dbops.drill.isolation.token import Token
    from dbops.drill.isolation.verdicts import Verdict

RIGHT, WRONG = "kept_apart", "open_to_all"
_TYPES = {"int": "bigint", "uuid": "uuid"}
_TENANTS = {
    "int": ("2147000001", "2147000002"),
    "uuid": ("7b1f6f0e-0c1a-4c56-9d3e-1f0a5d5b0001", "7b1f6f0e-0c1a-4c56-9d3e-1f0a5d5b0002"),
}
_TEXTS = ("dbops-tenant-1", "dbops-tenant-2")
# What an open table leaks to; an insert and an update that are not among these would go unnoticed elsewhere too.
MUST_REPORT = frozenset(
    {
        "read, no tenant", "read, empty tenant", "read, unknown tenant", "read foreign", "kept plan, foreign",
        "insert, no tenant", "insert foreign", "update, no tenant", "delete, no tenant", "move out", "blind update",
        "steal", "blind delete",
    }
)  # fmt: skip


def self_check(stage: Stage, options: IsolationOptions, token: Token) -> str | None:
    """Return what the probes missed or made up, in words; None when they can tell. Needs an untouched session."""
    _make_tables(stage, options, token)
    tables = read_tables(stage.connection, options.columns, only=token.schema)
    actor = Actor(token.role, options.setting)
    populations = {table.oid: read_population(stage, table) for table in tables}
    probe = RoleProbe(stage, actor, tables, populations, columns=options.columns, with_surfaces=False)
    verdicts = {verdict.object.rpartition(".")[2]: verdict for verdict in probe.verdicts()}
    return judge_self_check(verdicts)


def judge_self_check(verdicts: dict[str, Verdict]) -> str | None:
    """Return what is wrong with the verdicts on the two tables, None when nothing is."""
    right, wrong = verdicts.get(RIGHT), verdicts.get(WRONG)
    if right is None or wrong is None:
        return "the self-check's tables were not probed"
    if right.outcome is not Outcome.PASS:
        return f"a table that keeps tenants apart was found to be {right.outcome}"
    if missed := MUST_REPORT - {one.probe for one in wrong.those(Outcome.LEAK)}:
        return f"a table that is open to everybody was not reported by: {', '.join(sorted(missed))}"
    return None


def _make_tables(stage: Stage, options: IsolationOptions, token: Token) -> None:
    kind = _TYPES.get(options.id_type, "text")
    tenants = _TENANTS.get(options.id_type, _TEXTS)
    names = {
        "schema": sql.Identifier(token.schema),
        "right": sql.Identifier(token.schema, RIGHT),
        "wrong": sql.Identifier(token.schema, WRONG),
        "role": sql.Identifier(token.role),
        "tenant": sql.Identifier(options.columns[0]),
        "type": sql.SQL(kind),
        "setting": sql.Literal(options.setting),
        "first": sql.Literal(tenants[0]),
        "second": sql.Literal(tenants[1]),
    }
    stage.connection.execute(sql.SQL(read_sql("self_check").decode()).format(**names))
