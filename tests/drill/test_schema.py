"""Schema drills: the schema of a live database really rebuilt elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.session import scratch
from dbops.errors import ExitCode
from dbops.model import ObjectiveStatus, Report, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

    Rebuild = Callable[..., Report]


def _findings(report: Report) -> dict[str, list[str]]:
    return {check.check: [one.object for one in check.findings] for check in report.checks if check.findings}


@pytest.mark.parametrize("which", ["erp", "nasty", "database"])
def test_a_schema_rebuilds_with_owners_rights_and_policies(
    which: str, request: pytest.FixtureRequest, rebuild: Rebuild
) -> None:
    report = rebuild(request.getfixturevalue(which))
    assert ({}, Verdict.PASS, 0) == (_findings(report), report.verdict, report.exit_code)
    assert {"restore-errors", "extensions", "restore-differs"} == {check.check for check in report.checks}
    assert f"{report.run_id}/contents.list" in {artifact.path for artifact in report.artifacts}
    # It proves nothing about data, and does not say so.
    assert {ObjectiveStatus.NOT_MEASURED} == {one.status for one in report.objectives}
    assert None is report.restorability


def test_a_schema_that_does_not_rebuild_fails(database: Target, run_sql: Any, rebuild: Rebuild) -> None:
    run_sql(
        database,
        "create function helper() returns int immutable language sql as 'select 1';"
        "create function uses() returns int immutable language plpgsql as 'begin return helper(); end';"
        "create table t (a int) partition by range (a);"
        "create materialized view v as select 1 as one;"
        "create table p partition of t for values from (uses()) to (2);"
        "create index i on p ((a + uses()))",
    )
    report = rebuild(database)
    assert (Verdict.FAIL, ExitCode.FAIL) == (report.verdict, report.exit_code)
    assert ["index public.p.i"] == _findings(report)["restore-differs"]


def test_a_role_that_cannot_dump_is_told_what_it_lacks(server: ScratchServer, erp: Target, rebuild: Rebuild) -> None:
    with scratch(server, erp.database) as connection:
        connection.execute("create role sees_nothing login")
    try:
        report = rebuild(server.target(erp.database, user="sees_nothing"))
    finally:
        with scratch(server, erp.database) as connection:
            connection.execute("drop role sees_nothing")
    assert ExitCode.UNABLE == report.exit_code
    assert report.problem is not None
    assert "pg_read_all_data" in (report.problem.hint or "")
