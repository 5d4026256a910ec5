"""The proof as part of a drill: on which database it runs, what it leaves, and what it says when it cannot tell."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.backup.roles import RoleSettings
from dbops.connection.session import scratch
from dbops.demo import erp as demo_erp
from dbops.demo.run import demo_settings
from dbops.drill.isolation import prove, selfcheck
from dbops.drill.isolation.document import IsolationEvidence
from dbops.drill.isolation.document import evidence_of as kept_of
from dbops.drill.isolation.options import Accepted, IsolationOptions
from dbops.drill.isolation.presets import presets_of
from dbops.drill.isolation.report import Proof, as_check
from dbops.drill.isolation.selfcheck import MUST_REPORT, RIGHT, WRONG, judge_self_check
from dbops.drill.isolation.stage import open_stage
from dbops.drill.isolation.token import Token
from dbops.drill.isolation.verdicts import Observation, Outcome, Verdict
from dbops.drill.options import DrillOptions
from dbops.errors import UnavailableError
from dbops.model import CheckStatus, Severity, Waiver
from dbops.model import Verdict as RunVerdict

from .conftest import APP, DOCS, HEALTHY, OPTIONS, RESTORER, marked, plant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Check, Report
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]
    Drill = Callable[..., Report]

DRILL = DrillOptions(isolation=OPTIONS)


def isolation_of(report: Report) -> Check:
    return next(check for check in report.checks if check.check == "tenant-isolation")


def evidence_of(report: Report, logs: Path) -> dict[str, Any]:
    path = next(one.path for one in report.artifacts if one.path.endswith("isolation.json"))
    text = (logs / "backup-drill" / path).read_text()
    return IsolationEvidence.model_validate_json(text).to_json()


def leaks_of(evidence: dict[str, Any]) -> dict[str, set[str]]:
    return {
        one["object"]: {probe["probe"] for probe in one["probes"] if probe["outcome"] == "leak"}
        for one in evidence["verdicts"]
        if one["outcome"] == "leak"
    }


def test_a_database_that_dbops_did_not_make_is_refused_before_anything_is_tried(
    planted: Callable[..., Target], server: ScratchServer
) -> None:
    target = planted(DOCS, HEALTHY)
    with scratch(server, target.database) as connection:
        before = connection.execute("select pg_catalog.pg_current_xact_id_if_assigned()").fetchall()
        with pytest.raises(UnavailableError, match="holds no token"), open_stage(connection, Token(), seconds=1):
            pytest.fail("the stage opened")
        assert before == connection.execute("select pg_catalog.pg_current_xact_id_if_assigned()").fetchall()
        assert [("n1",)] == connection.execute("select note from docs where id = 1").fetchall()


def test_a_token_of_another_copy_is_no_token(planted: Callable[..., Target], server: ScratchServer) -> None:
    target = planted(DOCS)
    with marked(server, target) as token, scratch(server, target.database, user=RESTORER) as connection:
        with open_stage(connection, token, seconds=1):
            pass
        other = Token(token.schema, token.role)
        with pytest.raises(UnavailableError, match="holds no token"), open_stage(connection, other, seconds=1):
            pytest.fail("the stage opened")


def test_a_drill_proves_isolation_and_leaves_the_copy_as_it_was(
    planted: Callable[..., Target], back_up: BackUp, drill: Drill, tmp_path: Path
) -> None:
    target = planted(DOCS, HEALTHY)
    report = drill(back_up(target), DRILL)
    check = isolation_of(report)
    assert (CheckStatus.PASS, (), None) == (check.status, check.findings, check.reason)
    assert (RunVerdict.PASS, RunVerdict.PASS) == (report.verdict, report.restorability)
    assert check.scope is not None
    assert (1, 1) == (check.scope.checked, check.scope.total)
    evidence = evidence_of(report, tmp_path / "logs")
    assert "pass" == evidence["selfCheck"]
    assert "30 rows of 1 table and 1 sequence are as before" == evidence["unchanged"]
    assert check.method is not None
    assert check.method.endswith(f": 1 pass; {evidence['unchanged']}")
    probes = evidence["verdicts"][0]["probes"]
    assert {"read own", "read foreign", "kept plan, foreign", "steal", "insert own"} <= {one["probe"] for one in probes}


def test_a_leak_fails_the_drill_and_says_nothing_against_the_backup(
    planted: Callable[..., Target], back_up: BackUp, drill: Drill, tmp_path: Path
) -> None:
    target = planted(DOCS.replace("'n' || i", "'secret-' || i"), "create policy own on public.docs using (true)")
    report = drill(back_up(target), DRILL)
    check = isolation_of(report)
    assert (CheckStatus.FAIL, RunVerdict.FAIL, RunVerdict.PASS) == (
        check.status, report.verdict, report.restorability,
    )  # fmt: skip
    (finding,) = check.findings
    assert ("public.docs", Severity.ERROR) == (finding.object, finding.severity)
    assert finding.detail.startswith(f"as {APP}, leak: ")
    kept = json.dumps(evidence_of(report, tmp_path / "logs")) + json.dumps(report.to_json())
    assert "secret-" not in kept


def test_a_tenant_that_the_role_is_preset_to_at_the_source_is_found_on_the_copy(
    planted: Callable[..., Target], server: ScratchServer, back_up: BackUp, drill: Drill, tmp_path: Path
) -> None:
    target = planted(DOCS, HEALTHY)
    plant(server, target, f'alter role {APP} in database "{target.database}" set app.org_id = 2')
    try:
        report = drill(back_up(target), DRILL)
    finally:
        plant(server, target, f'alter role {APP} in database "{target.database}" reset all')
    assert "read, no tenant" in leaks_of(evidence_of(report, tmp_path / "logs"))["public.docs"]


def test_the_broken_erp_is_found_leaking_where_its_defects_are_planted(
    erp: Target, server: ScratchServer, back_up: BackUp, drill: Drill, tmp_path: Path
) -> None:
    """All but the preset one, which opens every table."""
    with scratch(server, erp.database) as connection, connection.transaction():
        for defect in demo_erp.planted_defects():
            if defect.rule != "tenant-setting-preset":
                connection.execute(defect.sql.encode())
    report = drill(back_up(erp), DrillOptions(isolation=IsolationOptions.from_settings(demo_settings())))
    evidence = evidence_of(report, tmp_path / "logs")
    leaks = leaks_of(evidence)
    blind_delete = {"blind delete", "delete, no tenant", "delete, empty tenant"}
    expected = {
        "public.orders": blind_delete,
        "public.customers": {"read foreign", "read, no tenant"},
        "public.ledger_entries": {"read, no tenant", "read, empty tenant"},
        "public.payments": {"read foreign", "truncate"},
        "public.ledger_accounts": {"row security active", "read foreign", "blind update", "insert foreign"},
        "public.order_lines": {"insert foreign", "insert, no tenant"},
        "public.order_returns": {"row security active", "read foreign", "blind delete"},
        "public.import_batches": {"truncate"},
        "public.audit_log_2026_09": {"row security active", "read foreign", "read, no tenant"},
        "public.open_orders": {"read foreign", "read, empty tenant"},
        "public.revenue_by_tenant": {"read foreign", "read, empty tenant"},
        "public.customers_email_key": {"on conflict"},
    }
    assert {} == {name: probes for name, probes in expected.items() if not probes <= leaks.get(name, set())}
    outcomes = {one["object"]: one["outcome"] for one in evidence["verdicts"]}
    assert {"public.org_memberships", "public.credit_notes"} <= {
        name for name, outcome in outcomes.items() if outcome == "broken"
    }
    healthy = ("public.webauthn_credentials", "public.order_events", "public.delivery_notes", "public.audit_log")
    assert dict.fromkeys(healthy, "pass") == {name: outcomes[name] for name in healthy}
    assert RunVerdict.PASS is report.restorability


def test_probes_that_miss_the_planted_leak_prove_nothing(
    planted: Callable[..., Target],
    back_up: BackUp,
    drill: Drill,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The detector is broken on purpose: it takes the open table for a closed one."""
    sql = selfcheck.read_sql("self_check").replace(b"using (true) with check (true)", b"using (false)")
    monkeypatch.setattr(selfcheck, "read_sql", lambda _: sql)
    check = isolation_of(drill(back_up(planted(DOCS, HEALTHY)), DRILL))
    assert CheckStatus.ERROR is check.status
    assert check.reason is not None
    assert check.reason.startswith("the detector is broken: a table that is open to everybody was not reported by: ")


def test_each_probe_that_the_self_check_wants_is_wanted() -> None:
    right = Verdict(RIGHT, "probe", Outcome.PASS)
    leaks = [Observation(probe=name, outcome=Outcome.LEAK) for name in sorted(MUST_REPORT)]
    assert judge_self_check({RIGHT: right, WRONG: Verdict(WRONG, "probe", Outcome.LEAK, tuple(leaks))}) is None
    for missing in leaks:
        rest = tuple(one for one in leaks if one is not missing)
        said = judge_self_check({RIGHT: right, WRONG: Verdict(WRONG, "probe", Outcome.LEAK, rest)})
        assert f"a table that is open to everybody was not reported by: {missing.probe}" == said
    alarmed = Verdict(RIGHT, "probe", Outcome.LEAK)
    assert judge_self_check({RIGHT: alarmed, WRONG: Verdict(WRONG, "probe", Outcome.LEAK, tuple(leaks))}) is not None


@pytest.mark.parametrize("others", [(), (APP,)])
def test_a_role_that_is_not_there_leaves_the_proof_without_an_answer(
    planted: Callable[..., Target], back_up: BackUp, drill: Drill, others: tuple[str, ...]
) -> None:
    """Also where another one is: whoever misspells a role would never hear of it."""
    options = IsolationOptions(app_roles=(*others, "nobody_at_all"), tables=[("public", "lines"), ("", "a.b.c")])
    report = drill(back_up(planted(DOCS, HEALTHY)), DrillOptions(isolation=options))
    check = isolation_of(report)
    assert (CheckStatus.ERROR, RunVerdict.INCONCLUSIVE) == (check.status, report.verdict)
    assert "nothing was tried as nobody_at_all: there is no such role" == check.reason
    why = "it is not there or not within reach, or no column says whose its rows are"
    assert {f"tenant isolation of {name}: {why}" for name in ("public.lines", "a.b.c")} <= set(report.not_tested)


def test_app_roles_are_read_as_sql_would_and_each_is_played_once() -> None:
    named = IsolationOptions(app_roles=("ISO_App", "iso_app", '"Iso App"', "Iso Other", "iso-gone"))
    assert ("iso_app", "Iso App", "Iso Other", "iso-gone") == named.roles_among(["iso_app", "Iso App", "Iso Other"])


def test_without_app_roles_or_tables_the_check_is_skipped_with_its_remedy(
    planted: Callable[..., Target], back_up: BackUp, drill: Drill
) -> None:
    stored = back_up(planted(DOCS))
    for options in (IsolationOptions(), IsolationOptions(columns=("no_such_column",), app_roles=(APP,))):
        check = isolation_of(drill(stored, DrillOptions(isolation=options)))
        assert CheckStatus.SKIP is check.status
        assert check.reason
        assert check.remedy


def test_traces_that_a_probe_leaves_are_an_error(
    planted: Callable[..., Target], back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sequence that moved is nothing a rollback brings back."""
    original = prove._probe_roles

    def moving(copy: Any, *arguments: Any) -> None:
        original(copy, *arguments)
        with copy.as_restorer() as connection:
            connection.execute("select nextval('public.docs_id_seq'); delete from public.docs where id = 1")

    monkeypatch.setattr(prove, "_probe_roles", moving)
    check = isolation_of(drill(back_up(planted(DOCS, HEALTHY)), DRILL))
    assert (CheckStatus.ERROR, "the probes left traces: public.docs, public.docs_id_seq") == (
        check.status, check.reason,
    )  # fmt: skip


def test_a_waiver_accepts_a_leak_until_it_expires() -> None:
    leak = Verdict("public.docs", APP, Outcome.LEAK, (Observation(probe="read foreign", outcome=Outcome.LEAK),))
    fine = Verdict("public.more", APP, Outcome.PASS)
    today = dt.date(2026, 11, 26)
    waiver = Waiver(reason="known", owner="ops", expires=today)
    options = IsolationOptions(app_roles=(APP,), accepted=(Accepted("public.d*", waiver),), today=today)
    check = as_check(Proof("how", [leak, fine]), options)
    assert (CheckStatus.PASS, waiver) == (check.status, check.findings[0].waived)
    assert "how: 1 pass, 1 waived" == check.method
    late = IsolationOptions(
        app_roles=(APP,), accepted=(Accepted("public.d*", waiver),), today=today + dt.timedelta(days=1)
    )
    assert CheckStatus.FAIL is as_check(Proof("how", [leak, fine]), late).status


def test_evidence_hashes_tenants_differently_in_every_run() -> None:
    seen = Observation(probe="read own", outcome=Outcome.PASS, tenant="42", rows=3)
    proof = Proof("how", [Verdict("public.docs", APP, Outcome.PASS, (seen, seen))])
    first, second = ([one["tenant"] for one in kept_of(proof).to_json()["verdicts"][0]["probes"]] for _ in range(2))
    assert first[0] == first[1]
    assert first != second
    assert "42" not in first


def test_the_most_special_preset_wins_and_only_those_that_matter_are_taken() -> None:
    stored = [
        RoleSettings(role=None, database=None, settings=("app.org_id=1",)),
        RoleSettings(role=None, database="shop", settings=("app.org_id=2", "work_mem=1GB")),
        RoleSettings(role="app", database=None, settings=("app.org_id=3", "search_path=a, b")),
        RoleSettings(role="app", database="shop", settings=("app.org_id=4",)),
        RoleSettings(role="other", database="shop", settings=("app.org_id=5",)),
    ]
    assert {"app.org_id": "4", "search_path": "a, b"} == presets_of("app", "shop", reversed(stored))
    assert {"app.org_id": "3", "search_path": "a, b"} == presets_of("app", "else", stored)
    assert {"app.org_id": "2"} == presets_of("nobody", "shop", stored)
    assert {} == presets_of("app", "shop", [])


def test_no_probe_reads_the_text_of_a_message() -> None:
    from pathlib import Path

    for path in Path(prove.__file__).parent.glob("*.py"):
        text = path.read_text()
        assert "message_primary" not in text
        assert "pgerror" not in text
    assert issubclass(psycopg.errors.InsufficientPrivilege, psycopg.Error)
