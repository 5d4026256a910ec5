"""The rules about keys and capacity: their fixes mend, their statements run, and what no case can plant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dbops.checks.policy import Policy
from dbops.checks.runner import run_rules
from dbops.model import CheckStatus

from .test_cases import Case, cases_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.checks.catalog import Catalog
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Check

MENDED_BY_SQL = ("constraint-not-valid", "fk-type-mismatch")


def check_of(catalog: Catalog, slug: str) -> Check:
    [check] = run_rules(catalog, Policy(select=(slug,)))
    return check


@pytest.mark.parametrize(
    "case",
    [case for slug in MENDED_BY_SQL for case in cases_of(slug) if case.fires],
    ids=lambda case: f"{case.slug}: {case.title}",
)
def test_the_fix_runs_as_printed_and_nothing_is_left_to_find(
    case: Case,
    server: ScratchServer,
    database: Target,
    run_sql: Callable[..., Any],
    snapshot: Callable[[Target], Catalog],
) -> None:
    if server.binaries.major < int(case.one("server", "0")):
        pytest.skip(f"needs PostgreSQL {case.one('server')}")
    run_sql(database, case.sql)
    findings = check_of(snapshot(database), case.slug).findings
    for finding in findings:
        assert run_sql(database, finding.verify or "") != []
        for line in (finding.fix or "").splitlines():
            run_sql(database, line)
    left = check_of(snapshot(database), case.slug)
    assert left.status is not CheckStatus.SKIP
    assert [one.fingerprint for one in findings if not one.fix] == [one.fingerprint for one in left.findings]
