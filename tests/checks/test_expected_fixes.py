"""What the findings about expectations print runs as it is, mends them, and its undo takes it back."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.runner import run_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target
    from dbops.model import Finding


def firing_cases() -> list[Any]:
    """Return the firing cases of the rules about constraints, tables and roles."""
    path = Path(__file__).with_name("test_cases.py")
    spec = importlib.util.spec_from_file_location("dbops_cases", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    slugs = ("expected-constraint-missing", "expected-rls-missing", "expected-role-differs")
    return [case for slug in slugs for case in module.cases_of(slug) if case.fires]


@pytest.fixture
def own_roles(database: Target, run_sql: Callable[..., Any]) -> Iterator[None]:
    """Remove the roles of a case when it is over; they belong to the whole server."""
    yield
    roles = "select rolname from pg_roles where rolname like 'dbops\\_case\\_%' order by 1"
    for (role,) in run_sql(database, roles):
        run_sql(database, f"drop owned by {role} cascade; drop role {role}")


@pytest.mark.usefixtures("own_roles")
@pytest.mark.parametrize("case", firing_cases(), ids=lambda case: f"{case.slug}: {case.title}")
def test_a_fix_mends_its_finding_and_its_undo_takes_that_back(
    case: Any,
    database: Target,
    run_sql: Callable[..., Any],
    snapshot: Callable[[Target], Catalog],
    policy_of: Callable[..., Policy],
) -> None:
    [(version,)] = run_sql(database, "show server_version_num")
    if int(version) // 10_000 < int(case.one("server", "0")):
        pytest.skip(f"needs PostgreSQL {case.one('server')}")
    policy = policy_of(case.policy)
    run_sql(database, case.sql)
    before = findings(case.slug, snapshot(database), policy)
    assert before
    for finding in before:
        apply(database, finding.fix)
    after = findings(case.slug, snapshot(database), policy)
    assert [finding.detail for finding in before if not finding.fix] == [finding.detail for finding in after]
    for finding in reversed(before):
        apply(database, finding.undo)
    again = findings(case.slug, snapshot(database), policy)
    for finding in before:
        if finding.undo:
            assert finding.fingerprint in {one.fingerprint for one in again}, finding.undo


def findings(slug: str, catalog: Catalog, policy: Policy) -> tuple[Finding, ...]:
    [check] = [check for check in run_rules(catalog, policy) if check.check == slug]
    return check.findings


def apply(target: Target, sql: str | None) -> None:
    """Run the statements one by one, as psql would: some refuse a transaction."""
    with psycopg.connect(target.conninfo(), password=target.password, autocommit=True) as connection:
        for statement in (sql or "").splitlines():
            connection.execute(statement.encode())
