"""The rules about what passes by row-level security: their fixes mend, undo undoes, and what they say happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.ddl import split
from dbops.checks.rule import rules
from dbops.checks.runner import run_rules
from dbops.model import CheckStatus

from .test_cases import Case, cases_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Finding

    Snapshot = Callable[[Target], Catalog]
    PolicyOf = Callable[..., Policy]

MENDED_BY_SQL = (
    "dump-role-sees-partial-data",
    "foreign-key-crosses-tenants",
    "matview-breaks-restore",
    "matview-exposes-tenants",
    "partition-without-rls",
    "security-definer-search-path",
    "tenant-column-nullable-or-defaulted",
    "tenant-index-missing",
    "truncate-granted",
    "unique-key-crosses-tenants",
    "view-bypasses-rls",
)
FIRING = [case for slug in MENDED_BY_SQL for case in cases_of(slug) if case.fires]


@pytest.fixture
def connection(database: Target) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session, and at its end no role that a case has made: roles belong to the whole cluster."""
    with psycopg.connect(database.conninfo(), password=database.password, autocommit=True) as connected:
        before = set(roles(connected))
        yield connected
        connected.execute("rollback; reset role; reset row_security")
        made = [name for name in roles(connected) if name not in before]
        for name in made:
            connected.execute(f"drop owned by {name} cascade".encode())
        for name in made:
            connected.execute(f"drop role {name}".encode())


def roles(connection: psycopg.Connection[Any]) -> list[str]:
    return [name for (name,) in connection.execute("select quote_ident(rolname) from pg_roles order by 1")]


def findings(target: Target, policy: Policy, slug: str, snapshot: Snapshot) -> tuple[Finding, ...]:
    [check] = [check for check in run_rules(snapshot(target), policy) if check.check == slug]
    assert check.status in {CheckStatus.PASS, CheckStatus.FAIL}, check.reason
    return check.findings


def run(connection: psycopg.Connection[Any], sql: str | None) -> None:
    for statement in split(sql or ""):
        connection.execute(statement.encode())


@pytest.mark.parametrize("case", FIRING, ids=lambda case: f"{case.slug}: {case.title}")
def test_the_fix_runs_as_printed_nothing_is_left_to_find_and_undo_brings_it_back(
    case: Case,
    server: ScratchServer,
    database: Target,
    connection: psycopg.Connection[Any],
    snapshot: Snapshot,
    policy_of: PolicyOf,
) -> None:
    if server.binaries.major < int(case.one("server", "0")):
        pytest.skip(f"needs PostgreSQL {case.one('server')}")
    connection.execute(case.sql.encode())
    before = findings(database, policy_of(case.policy), case.slug, snapshot)
    for finding in before:
        connection.execute((finding.verify or "").encode())
        run(connection, finding.fix)
        assert (finding.fix is None) == (finding.locks is None)
    left = findings(database, policy_of(case.policy), case.slug, snapshot)
    assert [one.fingerprint for one in before if not one.fix] == [one.fingerprint for one in left]
    for finding in reversed(before):
        run(connection, finding.undo)
    undone = findings(database, policy_of(case.policy), case.slug, snapshot)
    expected = {one.fingerprint for one in before if one.undo or not one.fix}
    assert expected == {one.fingerprint for one in undone}


def test_every_rule_here_is_one() -> None:
    assert sorted(set(MENDED_BY_SQL) - rules().keys()) == []


# What they say happens


@pytest.mark.parametrize(
    "case",
    [case for case in cases_of("matview-breaks-restore") if case.finds != "skip"],
    ids=lambda case: case.title,
)
def test_refresh_in_a_restore_fails_for_what_is_reported_and_for_nothing_else(
    case: Case, database: Target, connection: psycopg.Connection[Any], snapshot: Snapshot, policy_of: PolicyOf
) -> None:
    connection.execute(case.sql.encode())
    found = findings(database, policy_of(case.policy), case.slug, snapshot)
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
    server: ScratchServer,
    database: Target,
    connection: psycopg.Connection[Any],
    snapshot: Snapshot,
    policy_of: PolicyOf,
) -> None:
    if server.binaries.major < int(case.one("server", "0")):
        pytest.skip(f"needs PostgreSQL {case.one('server')}")
    connection.execute(case.sql.encode())
    connection.execute("insert into visit values (1, 1), (2, 2)")
    found = findings(database, policy_of(case.policy), case.slug, snapshot)
    connection.execute("set role dbops_case_app")
    row = connection.execute("select exists (select from listing where id = 2)").fetchone()
    assert row == (bool(found),)
