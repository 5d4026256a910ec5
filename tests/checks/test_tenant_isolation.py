"""The rules about what passes by row-level security: what they say happens, and what they are silent about does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from .test_cases import Case, cases_of
from .test_mended import findings

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target

    Snapshot = Callable[[Target], Catalog]
    PolicyOf = Callable[..., Policy]


@pytest.mark.parametrize(
    "case",
    [case for case in cases_of("matview-breaks-restore") if case.finds != "skip"],
    ids=lambda case: case.title,
)
def test_refresh_in_a_restore_fails_for_what_is_reported_and_for_nothing_else(
    case: Case, database: Target, connection: psycopg.Connection[Any], snapshot: Snapshot, policy_of: PolicyOf
) -> None:
    case.plant(connection)
    found = findings(snapshot(database), policy_of(case.policy), case.slug)
    fails = [finding for finding in found if finding.severity == "error"]
    name = "coins" if "coins" in case.sql else "summary"
    connection.execute("set row_security = off")
    try:
        connection.execute(f"refresh materialized view {name}".encode())
    except psycopg.errors.InsufficientPrivilege:
        assert [finding.object for finding in fails] == [f"public.{name}"]
    else:
        assert fails == []


def shows_or_hides(case: Case) -> bool:
    """Whether the application reads a protected table by the view `listing` in a case."""
    apart = any(word in case.title for word in ("may not read", "asks for the tenant"))
    return "create policy" in case.sql and "exempt" not in case.policy and not apart


@pytest.mark.parametrize(
    "case", [case for case in cases_of("view-bypasses-rls") if shows_or_hides(case)], ids=lambda case: case.title
)
def test_a_reported_view_shows_the_application_what_its_policies_hide(
    case: Case,
    database: Target,
    connection: psycopg.Connection[Any],
    snapshot: Snapshot,
    policy_of: PolicyOf,
) -> None:
    case.plant(connection)
    connection.execute("insert into visit values (1, 1), (2, 2)")
    found = findings(snapshot(database), policy_of(case.policy), case.slug)
    connection.execute("set role dbops_case_app")
    row = connection.execute("select exists (select from listing where id = 2)").fetchone()
    assert row == (bool(found),)
