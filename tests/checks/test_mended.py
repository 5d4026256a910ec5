"""What a finding prints: it runs as printed, nothing is left to find, and what it undoes is found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dbops.checks.ddl import split
from dbops.checks.rule import rules
from dbops.checks.runner import run_rules
from dbops.model import CheckStatus

from .test_cases import Case, cases_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target
    from dbops.model import Finding

    Snapshot = Callable[[Target], Catalog]
    PolicyOf = Callable[..., Policy]

# Rules whose cases are mended by SQL alone, each case on a database of its own.
MENDED_BY_SQL = (
    "constraint-not-valid",
    "dump-role-sees-partial-data",
    "expected-constraint-missing",
    "expected-rls-missing",
    "expected-role-differs",
    "fk-type-mismatch",
    "foreign-key-crosses-tenants",
    "integer-exhaustion",
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
# What these find is there to be seen; other rules find that something is missing.
SHOWN = ("constraint-not-valid", "fk-type-mismatch", "integer-exhaustion")


def findings(catalog: Catalog, policy: Policy, slug: str) -> tuple[Finding, ...]:
    [check] = [check for check in run_rules(catalog, policy) if check.check == slug]
    assert check.status in {CheckStatus.PASS, CheckStatus.FAIL}, check.reason
    return check.findings


def run(connection: psycopg.Connection[Any], sql: str | None) -> None:
    """Run statements one by one, as psql would: some refuse a transaction."""
    for statement in split(sql or ""):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "case",
    [case for slug in MENDED_BY_SQL for case in cases_of(slug) if case.fires],
    ids=lambda case: f"{case.slug}: {case.title}",
)
def test_the_fix_runs_as_printed_nothing_is_left_to_find_and_undo_brings_it_back(
    case: Case,
    database: Target,
    connection: psycopg.Connection[Any],
    snapshot: Snapshot,
    policy_of: PolicyOf,
) -> None:
    policy = policy_of(case.policy)
    case.plant(connection)
    before = findings(snapshot(database), policy, case.slug)
    assert before
    for finding in before:
        verified = connection.execute((finding.verify or "").encode())
        assert case.slug not in SHOWN or verified.fetchall()
        run(connection, finding.fix)
        assert (finding.fix is None) == (finding.locks is None)
    left = findings(snapshot(database), policy, case.slug)
    assert [one.fingerprint for one in before if not one.fix] == [one.fingerprint for one in left]
    for finding in reversed(before):
        run(connection, finding.undo)
    undone = findings(snapshot(database), policy, case.slug)
    expected = {one.fingerprint for one in before if one.undo or not one.fix}
    assert expected == {one.fingerprint for one in undone}


def test_every_rule_here_is_one() -> None:
    assert sorted(set(MENDED_BY_SQL) - rules().keys()) == []
