"""Probes and the proof of fixes, as `dbops drill` is told about them: by dbops.toml and by an option."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target

    from .conftest import Dbops

_CONFIGURATION = """
[objectives]
rpo = "9999d"
[[drill.probe]]
name = "codes"
sql = "select count(*) from t where code like 'c%'"
op = ">="
value = 20000
[[expect.query]]
id = "by-code"
reason = "every request"
sql = "select id from t where code = $1"
no_seq_scan = ["t"]
"""


def test_a_drill_asks_the_probes_of_dbops_toml_and_proves_the_fixes_for_what_the_source_is_busy_with(
    dbops: Dbops, url_of: Callable[..., str], database: Target, run_sql: Any, bare_environment: Path
) -> None:
    if not run_sql(database, "select 1 from pg_available_extensions where name = 'pg_stat_statements'"):
        pytest.skip("pg_stat_statements is not installed")
    (bare_environment / "dbops.toml").write_text(_CONFIGURATION)
    run_sql(
        database,
        "create extension pg_stat_statements; create table t (id int primary key, code text, other int);"
        "insert into t select i, 'c' || i, i from generate_series(1, 20000) as i; create index on t (other);"
        "create index on t (other); analyze t",
    )
    for _ in range(3):
        run_sql(database, "select count(*) from t where other = 7")
    url = url_of(database)
    assert 0 == dbops("backup", "--database-url", url).code
    answered = dbops("drill", "--database-url", url, "--depth", "restore", "--prove-fixes", "--json")
    assert (0, "pass") == (answered.code, answered.report["verdict"]), answered.report["problem"]
    checks = {check["check"]: check for check in answered.report["checks"]}
    assert ("pass", {"checked": 1, "total": 1}) == (checks["probes"]["status"], checks["probes"]["scope"])
    run_id = answered.report["runId"]
    kept = json.loads((bare_environment / "logs" / "backup-drill" / run_id / "prove-fixes.json").read_bytes())
    assert "duplicate-index" in {one["rule"] for one in kept["vanished"]}
    queries = {one["name"]: one for one in kept["queries"]}
    declared = queries.pop("by-code")
    assert declared["before"]["durationUs"] > 0
    assert any("public.t using" in one["before"]["reads"] for one in queries.values())


def test_fixes_are_proven_on_rows_only(dbops: Dbops, url_of: Callable[..., str], database: Target) -> None:
    answered = dbops("drill", "--database-url", url_of(database), "--depth", "schema", "--prove-fixes")
    assert 2 == answered.code
    assert "--depth restore" in answered.err
