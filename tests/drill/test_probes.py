"""Declared questions to the copy: what holds, what does not, what cannot be asked, and what reaches the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dbops.drill.options import DrillOptions, Probe
from dbops.errors import ExitCode
from dbops.model import CheckStatus, ObjectiveStatus, Scope, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.model import Check, Report
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]
    Drill = Callable[..., Report]

CANARY = "canary-5f0c9e7b2d"
_ROWS = (
    "create table notes (id int primary key, token text, amount numeric, at timestamptz, seen bool);"
    f"insert into notes values (1, '{CANARY}', 12.50, now(), true), (2, null, 7, now() - interval '9 days', false)"
)
HOLD = (
    Probe("rows", "select count(*) from notes", ">=", 2),
    Probe("sum", "select sum(amount) from notes", "=", 19.5),
    Probe("token", "select token from notes where id = 1", "=", CANARY),
    Probe("flag", "select bool_or(seen) from notes", "=", value=True),
    Probe("text of a number", "select id from notes where id = 1", "=", "1"),
    Probe(
        "fresh",
        "select max(at) > current_setting('dbops.snapshot_at')::timestamptz - interval '1 hour' from notes",
        "=",
        value=True,
    ),
)
DIFFER = (
    Probe("too few", "select count(*) from notes", ">", 2),
    Probe("other token", "select token from notes where id = 1", "=", "canary-of-yesterday"),
    Probe("nothing", "select token from notes where id = 2", "=", CANARY),
    Probe("one off", "select count(*) from notes", "!=", 2),
)
UNKNOWN = (
    Probe("no such table", "select 1 from gone", "=", 1),
    Probe("two rows", "select id from notes", "=", 1),
    Probe("two columns", "select 1, 2", "=", 1),
    Probe("no rows", "select id from notes where false", "=", 1),
    Probe("of another kind", "select token from notes where id = 1", ">", 5),
    Probe("quotes a row", "select token::int from notes where id = 1", "=", 5),
    Probe("two statements", "select 1; select 2", "=", 1),
    Probe("writes", "with gone as (delete from notes returning 1) select count(*) from gone", "=", 2),
)


def _probes(report: Report) -> Check:
    return next(check for check in report.checks if check.check == "probes")


@pytest.fixture
def stored(database: Target, run_sql: Any, back_up: BackUp) -> StoredBackup:
    run_sql(database, _ROWS)
    return back_up(database)


def test_what_holds_passes_and_the_first_of_them_ends_the_recovery(stored: StoredBackup, drill: Drill) -> None:
    report = drill(stored, DrillOptions(probes=HOLD))
    check = _probes(report)
    assert (CheckStatus.PASS, Scope(checked=6, total=6), ()) == (check.status, check.scope, check.findings)
    rto = next(one for one in report.objectives if one.id == "rto")
    assert ObjectiveStatus.MET is rto.status
    assert "first probe" in rto.inputs
    assert "first query" not in rto.inputs
    assert "other probes" in {step.name for step in report.steps} - rto.inputs.keys()


def test_what_differs_fails_and_what_cannot_be_asked_is_named_beside_it(stored: StoredBackup, drill: Drill) -> None:
    report = drill(stored, DrillOptions(probes=(*HOLD, *DIFFER, *UNKNOWN)))
    check = _probes(report)
    assert [one.name for one in DIFFER] == [one.object for one in check.findings]
    assert (Verdict.FAIL, ExitCode.FAIL) == (report.restorability, report.exit_code)
    assert Scope(checked=10, total=18) == check.scope
    assert check.reason is not None
    assert all(f"{one.name}: " in check.reason for one in UNKNOWN)


@pytest.mark.parametrize("probe", [UNKNOWN[0], UNKNOWN[-1]], ids=lambda probe: probe.name)
def test_what_cannot_be_asked_leaves_the_drill_inconclusive(stored: StoredBackup, drill: Drill, probe: Probe) -> None:
    report = drill(stored, DrillOptions(probes=(probe,)))
    assert CheckStatus.ERROR is _probes(report).status
    assert (Verdict.INCONCLUSIVE, ExitCode.UNABLE) == (report.restorability, report.exit_code)
    assert [ObjectiveStatus.NOT_MEASURED] == [one.status for one in report.objectives if one.id == "rto"]


def test_no_answer_and_no_declared_value_is_in_the_evidence(stored: StoredBackup, drill: Drill, tmp_path: Path) -> None:
    report = drill(stored, DrillOptions(probes=(*HOLD, *DIFFER, *UNKNOWN)))
    other = next(one for one in _probes(report).findings if one.object == "other token")
    assert "sha256" in other.detail
    kept = [path for path in (tmp_path / "logs").rglob("*") if path.is_file()]
    assert kept
    for word in (CANARY, "canary-of-yesterday"):
        assert [] == [path.name for path in kept if word.encode() in path.read_bytes()]


def test_a_drill_that_does_not_ask_them_says_so(database: Target, rebuild: Callable[..., Report]) -> None:
    report = rebuild(database, DrillOptions(probes=HOLD))
    assert "the 6 declared probes: a schema drill restores no data" in report.not_tested
