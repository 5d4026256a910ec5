"""The adversarial fixture: no false alarm and no miss."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.checks.runner import run_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Check

FIXTURE = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "fk_and_duplicates.sql"
DUPLICATES = ["d01_dup", "d07_samepred", "d08b_expr", "d09_uniq", "d15_replid", "d19_pt"]


@pytest.fixture
def checks(
    database: Target,
    server: ScratchServer,
    run_sql: Callable[..., Any],
    snapshot: Callable[..., Catalog],
    policy_of: Callable[..., Policy],
) -> dict[str, Check]:
    if not FIXTURE.exists():
        pytest.skip("the fixture is not beside this checkout")
    if server.binaries.major < 15:
        pytest.skip("the fixture needs PostgreSQL 15")
    run_sql(database, FIXTURE.read_text())
    return {check.check: check for check in run_rules(snapshot(database), policy_of())}


def test_the_foreign_keys_of_the_fixture_are_told_apart(
    checks: dict[str, Check], database: Target, run_sql: Callable[..., Any]
) -> None:
    tables = run_sql(
        database, "select relname from pg_class where relname like 'fk%' and relkind in ('r', 'p') order by 1"
    )
    reported = [finding.object.removeprefix("public.") for finding in checks["fk-without-index"].findings]
    assert reported == [name for (name,) in tables if name.endswith(("_f", "_q"))]
    details = {
        finding.object.removeprefix("public."): finding.detail for finding in checks["fk-without-index"].findings
    }
    assert "1 of the 2 columns" in details["fk10_lead_q"]
    assert "after a gap" in details["fk11_gap_q"]
    assert "only in its INCLUDE" in details["fk12_incl2_q"]


def test_the_duplicates_of_the_fixture_are_told_apart(checks: dict[str, Check]) -> None:
    assert [f.object.removeprefix("public.") for f in checks["duplicate-index"].findings] == DUPLICATES
    fixes = {f.object.removeprefix("public."): f.fix for f in checks["duplicate-index"].findings}
    assert fixes["d09_uniq"] == "drop index concurrently public.d09_i;"
    assert fixes["d15_replid"] == "drop index concurrently public.d15_i;"
    assert fixes["d19_pt"] == "drop index public.d19_i2;"


def test_the_invalid_indexes_of_the_fixture_are_reported_as_such(checks: dict[str, Check]) -> None:
    assert [f.object for f in checks["invalid-index"].findings] == ["public.d22_i2", "public.fk09_inv"]
