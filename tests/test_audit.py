"""The audit as a whole: what it costs, what it records, what it cannot do."""

from __future__ import annotations

import datetime as dt
import select
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.audit import audit, audit_catalog
from dbops.checks.catalog import Catalog
from dbops.checks.policy import Declared, Policy
from dbops.checks.rule import rules
from dbops.connection.target import Target
from dbops.errors import ConnectionFailedError, UsageError
from dbops.evidence.judge import judge
from dbops.evidence.run import Run
from dbops.model import CheckStatus, Verdict
from dbops.settings import WaiverEntry, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbops.connection.server import ScratchServer
    from dbops.model import Report

Audited = "Callable[..., Report]"
# The tests' own server is set up for speed, and counts no statements: what rules say of that is no news here.
OF_THE_SERVER = tuple(slug for slug, rule in rules().items() if rule.family in {"durability", "queries"})


@pytest.fixture
def audited(tmp_path: Path) -> Callable[..., Report]:
    """Audit a target into a run of its own and return the report."""

    def run_audit(target: Target, policy: Policy | None = None, **how: Any) -> Report:
        with Run.start("audit", tmp_path / "logs", "index-audit") as run:
            audit(target, policy or Policy(), run, **how)
        return run.report

    return run_audit


@pytest.fixture
def erp_policy(tmp_path: Path) -> Policy:
    (tmp_path / "dbops.toml").write_text('[audit]\npacks = ["erp"]\n[tenancy]\napp_roles = ["erp_app"]\n')
    return replace(Policy.from_settings(load_settings({}, cwd=tmp_path, environ={})), ignore=OF_THE_SERVER)


_DISTANCE_SECONDS = 0.02


class CountingProxy:
    """Stands between client and server on the loopback and counts how often the client spoke after the server had."""

    def __init__(self, socket_path: str) -> None:
        self.trips = 0
        self._socket_path = socket_path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._socket_path)
            spoke_last = server
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is client and spoke_last is server:
                        self.trips += 1
                    spoke_last = source
                    if source is server:
                        self._travel(client, server)
                    (server if source is client else client).sendall(data)

    def _travel(self, client: socket.socket, server: socket.socket) -> None:
        """Keep an answer under way for a while: what the client sends meanwhile belongs to the same trip."""
        time.sleep(_DISTANCE_SECONDS)
        while select.select([client], [], [], 0)[0] and (data := client.recv(65536)):
            server.sendall(data)

    def close(self) -> None:
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def proxied(erp: Target) -> Iterator[tuple[Target, CountingProxy]]:
    proxy = CountingProxy(f"{erp.host}/.s.PGSQL.{erp.port}")
    parameters = {**erp.parameters, "host": "127.0.0.1", "port": str(proxy.port), "sslmode": "disable"}
    yield replace(erp, parameters=parameters), proxy
    proxy.close()


def test_a_whole_audit_costs_five_round_trips_at_most_beyond_connecting(
    proxied: tuple[Target, CountingProxy], erp: Target, audited: Callable[..., Report], erp_policy: Policy
) -> None:
    target, proxy = proxied
    with psycopg.connect(target.conninfo(), password=target.password, autocommit=True):
        pass
    connecting = proxy.trips
    proxy.close()
    again = CountingProxy(f"{erp.host}/.s.PGSQL.{erp.port}")
    report = audited(replace(target, parameters={**target.parameters, "port": str(again.port)}), erp_policy)
    again.close()
    assert report.verdict == Verdict.PASS
    assert again.trips - connecting <= 5


def test_the_healthy_erp_passes_and_the_report_says_what_was_looked_at(
    erp: Target, audited: Callable[..., Report], erp_policy: Policy
) -> None:
    report = audited(erp, erp_policy)
    assert (report.verdict, report.exit_code) == (Verdict.PASS, 0)
    assert [step.name for step in report.steps] == ["catalog", "rules"]
    assert report.target is not None
    assert report.target.database == erp.database
    scopes = {check.check: check.scope for check in report.checks}
    assert scopes["expected-index-missing"] is not None
    assert (scopes["expected-index-missing"].checked, scopes["expected-index-missing"].total) == (12, 12)


def test_a_superusers_session_is_noted_and_no_finding(erp: Target, audited: Callable[..., Report]) -> None:
    assert any("superuser" in note for note in audited(erp).notes)


def test_an_ordinary_role_with_connect_alone_sees_the_same(
    erp: Target, server: ScratchServer, audited: Callable[..., Report], erp_policy: Policy, run_sql: Callable[..., Any]
) -> None:
    run_sql(erp, "create role looker login")
    looker = server.target(erp.database, user="looker")
    report = audited(looker, erp_policy)
    run_sql(erp, "drop role looker")
    assert (report.verdict, report.notes) == (Verdict.PASS, ())
    unanswered = [check for check in report.checks if check.status != CheckStatus.PASS]
    # What statistics hold of rows is shown to those who may read the rows.
    assert {check.check for check in unanswered} <= {"delimited-list-column", "stale-statistics"}
    assert {check.status for check in unanswered} <= {CheckStatus.SKIP}


def test_findings_fail_the_run_and_the_report_is_kept(
    database: Target, run_sql: Callable[..., Any], audited: Callable[..., Report], erp_policy: Policy
) -> None:
    run_sql(database, "create table orders (id int)")
    report = audited(database, erp_policy)
    assert (report.verdict, report.exit_code) == (Verdict.FAIL, 1)
    missing = next(check for check in report.checks if check.check == "expected-index-missing")
    assert len(missing.findings) == 12
    assert missing.findings[0].location is not None
    assert (missing.findings[0].location.file, missing.findings[0].location.line) == ("dbops.toml", 2)


def test_rules_that_were_not_run_are_listed(erp: Target, audited: Callable[..., Report]) -> None:
    report = audited(erp, Policy(ignore=("duplicate-index",)))
    assert report.not_tested == ("rules that were not run: duplicate-index",)


def test_an_expired_waiver_fails_the_run_whatever_is_selected_and_is_noted_where_that_is_ignored(
    database: Target, audited: Callable[..., Report]
) -> None:
    entry = WaiverEntry(
        rule="slow-query", object="*", reason="until the move", owner="platform", expires=dt.date(2026, 6, 30)
    )
    policy = Policy(select=("duplicate-index",), waivers=(Declared(entry),), today=dt.date(2026, 7, 1))
    report = audited(database, policy)
    assert (Verdict.FAIL, ["duplicate-index", "waiver-expired"]) == (
        report.verdict,
        [check.check for check in report.checks],
    )
    assert "waiver-expired" not in " ".join(report.not_tested)
    report = audited(database, replace(policy, ignore=("waiver-expired",)))
    assert Verdict.PASS == report.verdict
    [note] = [note for note in report.notes if "have expired" in note]
    assert "slow-query *" in note


def test_an_unknown_rule_ends_the_run_before_anything_is_opened(audited: Callable[..., Report]) -> None:
    nowhere = Target.from_parameters({"host": "/nonexistent", "dbname": "x", "user": "x"})
    with pytest.raises(UsageError, match="there is no rule 'duplicates'"):
        audited(nowhere, Policy(select=("duplicates",)))
    with pytest.raises(ConnectionFailedError):
        audited(nowhere, Policy())


def test_an_audit_changes_nothing(
    erp: Target, run_sql: Callable[..., Any], audited: Callable[..., Report], erp_policy: Policy
) -> None:
    state = "select pg_snapshot_xmax(pg_current_snapshot())"
    before = run_sql(erp, state)
    audited(erp, erp_policy)
    assert run_sql(erp, state) == before


def test_a_table_that_is_locked_is_left_out_and_said_to_be(
    erp: Target, audited: Callable[..., Report], erp_policy: Policy
) -> None:
    with psycopg.connect(erp.conninfo(), password=erp.password) as holder:
        holder.execute("lock table public.payments in access exclusive mode")
        report = audited(erp, erp_policy)
    left_out, *others = [check for check in report.checks if check.status != CheckStatus.PASS]
    assert ([], "relations-locked", CheckStatus.SKIP) == (others, left_out.check, left_out.status)
    said = "no rule looked at public.payments: another session has locked it against readers, or waits to"
    assert said == left_out.reason
    assert Verdict.PASS == report.verdict
    assert Verdict.INCONCLUSIVE == judge(report.model_copy(update={"strict": True})).verdict


def test_an_expectation_on_a_locked_table_is_not_met_by_silence(
    erp: Target, audited: Callable[..., Report], erp_policy: Policy
) -> None:
    # The reader is left first, also by an error: until then the other one waits, and could not be closed.
    with (
        psycopg.connect(erp.conninfo(), password=erp.password) as waiting,
        psycopg.connect(erp.conninfo(), password=erp.password) as reader,
    ):
        reader.execute("select count(*) from public.orders")
        waiter = threading.Thread(target=alter_and_give_up, args=(waiting,))
        waiter.start()
        asking = "select 1 from pg_locks where mode = 'AccessExclusiveLock' and not granted"
        wait_for(lambda: reader.execute(asking).fetchall())
        report = audited(erp, erp_policy)
        reader.rollback()
        waiter.join(10)
    checks = {check.check: check for check in report.checks}
    missing = checks["expected-index-missing"]
    assert missing.status == CheckStatus.SKIP
    assert missing.reason is not None
    assert "4 expectations were not looked at: another session has locked public.orders" in missing.reason
    assert [check.check for check in report.checks if check.status == CheckStatus.ERROR] == []


def alter_and_give_up(connection: psycopg.Connection[Any]) -> None:
    connection.execute("alter table public.orders add column later int")
    connection.rollback()


def test_an_index_that_is_being_built_is_told_from_one_that_is_broken(
    database: Target, run_sql: Callable[..., Any], audited: Callable[..., Report], tmp_path: Path
) -> None:
    run_sql(
        database,
        "create table visit (id int primary key, at date); insert into visit select g from generate_series(1, 9) g",
    )
    (tmp_path / "dbops.toml").write_text('[[expect.index]]\nid = "at"\ntable = "visit"\ncolumns = ["at"]\n')
    policy = replace(Policy.from_settings(load_settings({}, cwd=tmp_path, environ={})), ignore=OF_THE_SERVER)
    started = threading.Event()

    def build() -> None:
        with psycopg.connect(database.conninfo(), password=database.password, autocommit=True) as builder:
            started.set()
            builder.execute("create index concurrently visit_at on visit (at)")

    # A transaction that has written and stays open keeps the build waiting.
    with psycopg.connect(database.conninfo(), password=database.password) as writer:
        writer.execute("insert into visit values (0)")
        thread = threading.Thread(target=build)
        thread.start()
        started.wait(5)
        wait_for(lambda: run_sql(database, "select 1 from pg_stat_progress_create_index where index_relid <> 0"))
        report = audited(database, policy)
        writer.rollback()
        thread.join(10)
    checks = {check.check: check for check in report.checks}
    [finding] = checks["expected-index-invalid"].findings
    assert "is being built" in finding.detail
    assert finding.fix is None
    assert checks["invalid-index"].findings == ()
    assert audited(database, policy).verdict == Verdict.PASS


def wait_for(condition: Callable[[], Any]) -> None:
    """Poll for at most five seconds."""
    pause = threading.Event()
    for _ in range(100):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come about")


def test_a_kept_catalog_gives_the_same_checks(
    erp: Target, tmp_path: Path, erp_policy: Policy, audited: Callable[..., Report]
) -> None:
    from dbops.checks.catalog.read import read_catalog
    from dbops.connection.session import read_only

    with read_only(erp) as session:
        document = read_catalog(session).to_json()
    with Run.start("audit", tmp_path / "offline", "index-audit") as run:
        audit_catalog(Catalog.from_json(document), erp_policy, run)
    live = [check.model_copy(update={"duration_ms": 0}) for check in audited(erp, erp_policy).checks]
    assert [check.model_copy(update={"duration_ms": 0}) for check in run.report.checks] == live
