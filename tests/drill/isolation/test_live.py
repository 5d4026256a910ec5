"""The read-only variant: what it finds without writing, what it refuses, and that it says that it is less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.session import scratch
from dbops.drill.isolation.live import probe_live
from dbops.drill.isolation.live_table import LiveProbe
from dbops.errors import DbopsError
from dbops.evidence.run import Run
from dbops.model import CheckStatus
from dbops.model import Verdict as RunVerdict

from .conftest import APP, DOCS, HEALTHY, OPTIONS, OWNER, RESTORER, TENANT
from .test_proof import evidence_of, isolation_of, leaks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.drill.isolation.verdicts import Observation
    from dbops.model import Report

    Live = Callable[..., Report]


@pytest.fixture
def live(server: ScratchServer, tmp_path: Path) -> Live:
    """Probe a database read only; the restorer of the other tests is what a probing role should be."""

    def make(target: Target, *, user: str | None = RESTORER) -> Report:
        try:
            with Run.start("tenant probe", tmp_path / "logs", "backup-drill") as run:
                probe_live(server.target(target.database, user=user), run, OPTIONS, deadline=60)
        except DbopsError as error:
            return error.report
        return run.report

    return make


def outcomes(report: Report, logs: Path) -> dict[str, str]:
    return {one["object"]: one["outcome"] for one in evidence_of(report, logs)["verdicts"]}


def test_a_healthy_database_passes_graded_as_simulated_and_nothing_changes(
    planted: Callable[..., Target], live: Live, tmp_path: Path, run_sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    target = planted(DOCS, HEALTHY)
    before = run_sql(target, "select pg_snapshot_xmax(pg_current_snapshot())")
    report = live(target)
    assert before == run_sql(target, "select pg_snapshot_xmax(pg_current_snapshot())")
    check = isolation_of(report)
    assert (CheckStatus.PASS, RunVerdict.PASS) == (check.status, report.verdict)
    assert check.method is not None
    assert check.method.startswith("read only, on the live database: ")
    assert any("policies were evaluated on rows that do not exist" in text for text in report.not_tested)
    probes = {one["probe"] for one in evidence_of(report, tmp_path / "logs")["verdicts"][0]["probes"]}
    assert {"read foreign", "read, no tenant", "kept plan, foreign", "steal (simulated)"} <= probes


@pytest.mark.parametrize(
    ("policies", "leaks"),
    [
        ("create policy own on public.docs using (true)", {"read foreign", "read, no tenant", "steal (simulated)"}),
        (
            HEALTHY + "create policy more on public.docs for insert with check (true)",
            {"insert foreign (simulated)", "insert foreign, empty tenant (simulated)"},
        ),
        (
            HEALTHY + "create policy more on public.docs for delete using (true)",
            {"blind delete (simulated)", "blind delete, empty tenant (simulated)"},
        ),
        (HEALTHY + "create policy more on public.docs for update using (true) with check (false)",
         {"steal (simulated)"}),
        (
            f"create policy own on public.docs using (org_id = coalesce({TENANT}, org_id))",
            {"read, no tenant", "read, empty tenant"},
        ),
        (
            HEALTHY + "alter table public.docs disable row level security",
            {"row security active", "read foreign", "insert foreign (simulated)", "blind delete (simulated)"},
        ),
        (f"{HEALTHY} grant truncate on public.docs to {APP}", {"truncate"}),
    ],
)  # fmt: skip
def test_leaks_that_reading_and_policies_tell_are_found(
    planted: Callable[..., Target], live: Live, tmp_path: Path, policies: str, leaks: set[str]
) -> None:
    report = live(planted(DOCS, policies))
    assert leaks <= leaks_of(evidence_of(report, tmp_path / "logs"))["public.docs"]
    assert (CheckStatus.FAIL, 1) == (isolation_of(report).status, report.exit_code)


def test_restrictive_policies_bind_what_permissive_ones_allow(
    planted: Callable[..., Target], live: Live, tmp_path: Path
) -> None:
    floor = f"create policy floor on public.docs as restrictive using (org_id = {TENANT});"
    target = planted(DOCS, floor, "create policy open on public.docs using (true)")
    assert {"public.docs": "pass"} == outcomes(live(target), tmp_path / "logs")
    planted("drop policy open on public.docs")
    assert {"public.docs": "broken"} == outcomes(live(target), tmp_path / "logs")


def test_policies_for_other_roles_do_not_count(planted: Callable[..., Target], live: Live, tmp_path: Path) -> None:
    target = planted(DOCS, HEALTHY, f"create policy more on public.docs for delete to {OWNER} using (true)")
    assert {"public.docs": "pass"} == outcomes(live(target), tmp_path / "logs")


def test_a_superuser_is_refused(planted: Callable[..., Target], live: Live) -> None:
    report = live(planted(DOCS, HEALTHY), user=None)
    assert report.problem is not None
    assert "as superuser" in report.problem.message
    assert (3, ()) == (report.exit_code, report.checks)


def test_what_the_session_may_not_do_is_inconclusive_with_the_grant_that_helps(
    planted: Callable[..., Target], live: Live, server: ScratchServer
) -> None:
    target = planted(DOCS, HEALTHY)
    with scratch(server, target.database) as connection:
        connection.execute("drop role if exists iso_poor; create role iso_poor login")
    try:
        report = live(target, user="iso_poor")
        check = isolation_of(report)
        assert CheckStatus.ERROR is check.status
        assert f"who administers it: grant {APP} to iso_poor" in (check.reason or "")
        planted(f"grant {APP} to iso_poor")
        assert any(
            "policies hide rows from iso_poor: it needs BYPASSRLS" in text
            for text in live(target, user="iso_poor").not_tested
        )
    finally:
        with scratch(server, target.database) as connection:
            connection.execute("drop role iso_poor")


def test_a_table_of_one_tenant_is_inconclusive_for_nothing_can_be_made_up(
    planted: Callable[..., Target], live: Live, tmp_path: Path
) -> None:
    target = planted(DOCS, HEALTHY, "delete from public.docs where org_id <> 1")
    report = live(target)
    assert {"public.docs": "inconclusive"} == outcomes(report, tmp_path / "logs")


def test_a_foreign_table_within_reach_is_named_as_not_tested(
    planted: Callable[..., Target], live: Live, tmp_path: Path
) -> None:
    target = planted(
        DOCS,
        HEALTHY,
        "create foreign data wrapper nothing; create server elsewhere foreign data wrapper nothing",
        "create foreign table public.remote (org_id bigint, note text) server elsewhere",
        f"grant select on public.remote to {APP}",
    )
    report = live(target)
    assert {"public.docs": "pass", "public.remote": "inconclusive"} == outcomes(report, tmp_path / "logs")
    assert any(text.startswith(f"tenant isolation of public.remote as {APP}: a foreign") for text in report.not_tested)


def test_a_table_that_is_locked_meanwhile_is_inconclusive_and_neither_passed_nor_broken(
    planted: Callable[..., Target], live: Live, server: ScratchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = planted(DOCS, HEALTHY)
    with scratch(server, target.database) as other:

        def locked(self: LiveProbe) -> Iterator[Observation]:
            other.execute("begin; lock table public.docs")
            yield from untouched(self)

        untouched = LiveProbe.untouched
        monkeypatch.setattr(LiveProbe, "untouched", locked)
        report = live(target)
        other.execute("rollback")
    assert (CheckStatus.ERROR, ()) == (isolation_of(report).status, isolation_of(report).findings)
    assert any("(SQLSTATE 55P03)" in text for text in report.not_tested)


def test_a_function_that_a_policy_calls_cannot_write(
    planted: Callable[..., Target], live: Live, run_sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    writing = f"""
        set role {OWNER};
        create sequence public.calls;
        create function public.tenant() returns bigint language sql security definer
        as $$ select pg_catalog.nextval('public.calls');
            select nullif(pg_catalog.current_setting('app.org_id', true), '')::bigint $$;
        create policy own on public.docs using (org_id = (select public.tenant()));
        reset role;
    """
    target = planted(DOCS, writing)
    report = live(target)
    # That it cannot says nothing of whose rows are in sight.
    assert (CheckStatus.ERROR, ()) == (isolation_of(report).status, isolation_of(report).findings)
    assert any("its own rows could not be read (SQLSTATE 25006)" in text for text in report.not_tested)
    assert [(False,)] == run_sql(target, "select is_called from calls")
