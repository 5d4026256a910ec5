"""The negative control fires in every drill, says what it could not control, and a blind detector is not believed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dbops.errors import ExitCode
from dbops.model import CheckStatus, Scope, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.target import Target
    from dbops.model import Check, Report
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]
    Drill = Callable[..., Report]


def _control(report: Report) -> Check:
    return next(check for check in report.checks if check.check == "negative-control")


@pytest.mark.parametrize("source", ["erp", "nasty"])
def test_every_detector_fires_in_an_ordinary_drill(
    request: pytest.FixtureRequest, back_up: BackUp, drill: Drill, source: str
) -> None:
    report = drill(back_up(request.getfixturevalue(source)))
    check = _control(report)
    assert (CheckStatus.PASS, Scope(checked=8, total=8), None) == (check.status, check.scope, check.reason)
    assert Verdict.PASS is report.restorability


def test_an_empty_database_controls_what_needs_nothing_of_it_and_says_so(
    database: Target, back_up: BackUp, drill: Drill
) -> None:
    report = drill(back_up(database))
    check = _control(report)
    assert (CheckStatus.PASS, Scope(checked=4, total=8)) == (check.status, check.scope)
    assert "row digests not controlled: no table has rows" in (check.reason or "")
    assert any("sequences would have been seen to differ" in text for text in report.not_tested)
    assert Verdict.PASS is report.restorability


def test_tables_that_defend_themselves_are_still_changed(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill
) -> None:
    """Row security forced, every right of the owner revoked, triggers and rules in the way, keys of every kind."""
    run_sql(
        database,
        "create table guarded (id uuid primary key default gen_random_uuid(), org int not null check (org = 1));"
        "insert into guarded (org) values (1), (1);"
        "alter table guarded enable row level security; alter table guarded force row level security;"
        "create function no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;"
        "create trigger no before update or delete on guarded for each row execute function no();"
        "create rule never as on delete to guarded do instead nothing;"
        "revoke all on guarded from current_user",
    )
    check = _control(drill(back_up(database)))
    assert "row counts" in (check.method or "")
    assert "row digests" in (check.method or "")
    assert CheckStatus.PASS is check.status


def test_a_table_of_nothing_but_a_key_without_gaps_is_controlled_on_a_copy_without_the_key(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill
) -> None:
    """Neither the next number is free, nor that of another row; and null is no key."""
    run_sql(database, "create table t (id int primary key); insert into t select generate_series(1, 10)")
    report = drill(back_up(database))
    check = _control(report)
    assert (CheckStatus.PASS, Scope(checked=7, total=8)) == (check.status, check.scope)
    assert "row digests" in (check.method or "")
    assert Verdict.PASS is report.restorability


@pytest.mark.parametrize(
    ("detector", "name"),
    [
        ("compare_digests", "row digests"),
        ("compare_counts", "row counts"),
        ("compare_sequences", "sequences"),
        ("compare_catalog", "rights"),
        ("compare_large_objects", "large objects"),
        ("compare_materialized_views", "materialized views"),
    ],
)
def test_a_detector_that_does_not_fire_leaves_the_drill_inconclusive(
    erp: Target, back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch, detector: str, name: str
) -> None:
    """A comparison that holds a thing against itself: blind, as a bug in it might make it."""
    module = __import__("dbops.drill.control", fromlist=[detector])
    real = getattr(module, detector)

    def blind(before: Any, _after: Any, *rest: Any, **named: Any) -> Any:
        if detector == "compare_sequences":
            return real((), {})
        return real(before, before, *rest, **named)

    monkeypatch.setattr(module, detector, blind)
    report = drill(back_up(erp))
    check = _control(report)
    assert CheckStatus.ERROR is check.status
    assert f"did not see a change that was made: {name}" in (check.reason or "")
    assert (Verdict.INCONCLUSIVE, ExitCode.UNABLE) == (report.restorability, report.exit_code)


def test_a_pg_amcheck_that_is_not_understood_leaves_the_drill_inconclusive(
    erp: Target, back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is sound, and that nothing is read of what is said of it shows by the control alone."""
    monkeypatch.setattr("dbops.drill.amcheck._damage", lambda _said: iter(()))
    report = drill(back_up(erp))
    assert [CheckStatus.PASS] == [check.status for check in report.checks if check.check == "amcheck"]
    assert "did not see a change that was made: pages and indexes" in (_control(report).reason or "")
    assert (Verdict.INCONCLUSIVE, ExitCode.UNABLE) == (report.restorability, report.exit_code)


def test_large_objects_that_nobody_may_write_are_still_changed_and_one_changed_byte_is_enough(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest is what is blind here: the number of large objects is compared all the same."""
    run_sql(
        database,
        "select lo_create(7001); select lo_from_bytea(7002, '\\x01');"
        "revoke all on large object 7001, 7002 from current_user",
    )
    stored = back_up(database)
    check = _control(drill(stored))
    assert (CheckStatus.PASS, True) == (check.status, "large objects" in (check.method or ""))
    real = __import__("dbops.drill.control", fromlist=["compare_large_objects"]).compare_large_objects
    monkeypatch.setattr(
        "dbops.drill.control.compare_large_objects",
        lambda before, after: real(before, replace(after, digest=before.digest)),
    )
    assert "did not see a change that was made: large objects" in (_control(drill(stored)).reason or "")


def test_nothing_of_the_control_stays_on_the_copy(
    erp: Target, back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole ladder is climbed a second time after it."""
    ladder = __import__("dbops.drill.ladder", fromlist=["climb"])
    restore = __import__("dbops.drill.restore", fromlist=["climb"])

    def twice(*arguments: Any) -> None:
        ladder.climb(*arguments)
        ladder.climb(*arguments)

    monkeypatch.setattr(restore, "climb", twice)
    report = drill(back_up(erp))
    assert [] == [one for check in report.checks for one in check.findings]
    assert 2 == sum(check.check == "negative-control" for check in report.checks)
