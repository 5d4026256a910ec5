"""Fixes of the audit, proven on the restored copy: what vanishes, what it takes, and how queries fare."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from dbops.checks.catalog import LoggedStatement
from dbops.checks.policy import Declared, Policy
from dbops.demo import erp as demo_erp
from dbops.demo.run import demo_policy
from dbops.drill.fixes.options import FixOptions
from dbops.drill.options import DrillOptions
from dbops.model import CheckStatus, Verdict
from dbops.settings.declared import ExpectedQuery, WaiverEntry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.model import Check, Report
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]
    Drill = Callable[..., Report]


def _check(report: Report) -> Check:
    return next(check for check in report.checks if check.check == "prove-fixes")


def _file(report: Report, tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (tmp_path / "logs" / "backup-drill" / report.run_id / "prove-fixes.json").read_bytes()
    )
    return found


def test_planted_defects_vanish_and_each_statement_has_its_time_and_its_indexes_their_size(
    erp: Target, back_up: BackUp, drill: Drill, tmp_path: Path
) -> None:
    with psycopg.connect(erp.conninfo(), autocommit=True) as connection:
        planted = demo_erp.break_it(connection)
    expired = WaiverEntry(rule="slow-query", reason="once", owner="ops", expires=dt.date(2020, 1, 1))
    policy = replace(demo_policy(), waivers=(Declared(expired),))
    report = drill(back_up(erp), DrillOptions(fixes=FixOptions(policy)))
    check, kept = _check(report), _file(report, tmp_path)
    assert "waiver-expired" not in {one["rule"] for one in kept["remaining"]}
    assert [] == [one["error"] for one in kept["statements"] if one["error"]]
    assert [] == kept["new"]
    vanished = {one["rule"] for one in kept["vanished"]}
    # Of the rest a person decides, or a copy does not have it: invalid indexes are in no dump.
    assert {"expected-index-missing", "fk-without-index", "duplicate-index", "rls-disabled"} <= vanished
    assert vanished <= {one.rule for one in planted} | {"redundant-index"}
    assert check.scope is not None
    assert (len(kept["vanished"]), len(kept["vanished"]) + len(kept["remaining"])) == (
        check.scope.checked, check.scope.total,
    )  # fmt: skip
    built = [index for one in kept["statements"] for index in one["indexes"]]
    assert built
    assert all(index["bytes"] > 0 for index in built)
    said = " ".join([*report.notes, check.method or ""])
    assert re.search(r"\w+ [\d.]+ (?:KiB|MiB)\)", said)
    assert "bytes" not in said
    assert all(one["durationMs"] >= 0 for one in kept["statements"])
    assert {"fix.sql", "fix.undo.sql", "prove-fixes.json"} <= {
        artifact.path.rpartition("/")[2] for artifact in report.artifacts
    }
    assert (Verdict.PASS, Verdict.PASS) == (report.restorability, report.verdict)


_SLOW = "select * from t where code = $1"
_DECLARED = ExpectedQuery(
    id="by-note", reason="asked often", sql="select id from t where note = 'n7'", no_seq_scan=("t",)
)


def test_a_slow_statement_is_timed_before_and_after_with_values_of_the_copy_that_reach_no_report(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill, tmp_path: Path
) -> None:
    run_sql(
        database,
        "create table t (id int primary key, code text, note text);"
        "insert into t select i, 'canary-' || i, 'n' || i from generate_series(1, 50000) as i; analyze t",
    )
    workload = (LoggedStatement(database.database, "app", _SLOW, 1000, 500_000_000, 900_000),)
    options = FixOptions(Policy(expected_queries=(Declared(_DECLARED),)), workload)
    report = drill(back_up(database), DrillOptions(fixes=options))
    kept = _file(report, tmp_path)
    slow = next(one for one in kept["queries"] if one["name"] != "by-note")
    assert "Seq Scan on public.t" in slow["before"]["reads"]
    assert "Seq Scan" not in slow["after"]["reads"]
    assert 0 < slow["after"]["durationUs"] < slow["before"]["durationUs"]
    declared = next(one for one in kept["queries"] if one["name"] == "by-note")
    assert declared["before"]["durationUs"] > 0
    assert any(note.startswith("query ") and "before the fixes" in note for note in report.notes)
    logs = [path for path in (tmp_path / "logs").rglob("*") if path.is_file()]
    assert [] == [path.name for path in logs if b"canary-" in path.read_bytes()]


def test_a_fix_that_fails_on_the_copy_is_named_and_leaves_the_backup_good(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill, monkeypatch: Any, tmp_path: Path
) -> None:
    run_sql(database, "create table t (id int primary key); insert into t values (1)")
    prove = __import__("dbops.drill.fixes.prove", fromlist=["fix_script"])
    real = prove.fix_script

    def with_a_mistake(*arguments: Any) -> Any:
        script = real(*arguments)
        mistakes = ("create unique index on public.t ((id / 0))", "alter system set fsync = off")
        return type(script)(script.text, script.undo, mistakes, 2, 0)

    monkeypatch.setattr(prove, "fix_script", with_a_mistake)
    report = drill(back_up(database), DrillOptions(fixes=FixOptions(Policy())))
    check = _check(report)
    assert CheckStatus.FAIL is check.status
    assert ["22012", "42501"] == [one["error"][:5] for one in _file(report, tmp_path)["statements"]]
    assert (Verdict.PASS, 0) == (report.restorability, report.exit_code)
