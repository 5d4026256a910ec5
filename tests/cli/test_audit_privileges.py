"""A role that may do nothing but connect: no rule crashes, every gap names its GRANT, and the GRANTs close the gaps."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from dbops.audit import audit
from dbops.checks.policy import Policy
from dbops.checks.rule import rules
from dbops.evidence.run import Run
from dbops.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Dbops, RunSql, UrlOf
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

# On the tests' server nothing counts statements, its statistics are too young, and no application is configured: no
# grant helps with that.
NO_GRANT_HELPS = (
    "the extension pg_stat_statements is not in this database",
    "statistics cover",
    "nobody has said which roles",
)


@pytest.fixture
def looker(erp: Target, server: ScratchServer, run_sql: RunSql) -> Iterator[Target]:
    """The ERP, through a role that has CONNECT and nothing else."""
    run_sql(erp, "create role looker login; revoke all on schema public from public")
    yield server.target(erp.database, user="looker")
    run_sql(erp, "drop owned by looker; drop role looker")


def test_with_connect_alone_no_rule_fails_to_answer_and_every_gap_names_its_grant(
    dbops: Dbops, looker: Target, url_of: UrlOf
) -> None:
    report = dbops("audit", "--packs=erp", "--database-url", url_of(looker), "--json").report
    assert sorted(rules()) == [check["check"] for check in report["checks"]]
    assert {} == {one["check"]: one["reason"] for one in report["checks"] if one["status"] == "error"}
    gaps = [
        one for one in report["checks"] if one["reason"] and not any(text in one["reason"] for text in NO_GRANT_HELPS)
    ]
    assert {} == {one["check"]: one["reason"] for one in gaps if "grant " not in (one["remedy"] or "")}
    assert {"skip"} == {one["status"] for one in gaps}


def test_the_privileges_that_are_missing_are_printed_rule_by_rule_with_their_grants(
    dbops: Dbops, looker: Target, url_of: UrlOf, bare_environment: Path
) -> None:
    answered = dbops("audit", "--packs=erp", "--database-url", url_of(looker), "--check-privileges")
    lines = answered.out.splitlines()
    assert 0 == answered.code
    assert lines[0].startswith(f"looker in {looker.database}: of {len(rules())} rules ")
    start = lines.index("archiving-off-or-failing: says less")
    assert "permission denied for function pg_ls_archive_statusdir" in lines[start + 1]
    assert "  grant pg_monitor to looker;" == lines[start + 2]
    assert not (bare_environment / "logs").exists()


def test_what_is_granted_closes_the_gaps(
    dbops: Dbops, looker: Target, url_of: UrlOf, run_sql: RunSql, erp: Target
) -> None:
    options = ("audit", "--packs=erp", "--database-url", url_of(looker), "--check-privileges")
    lines = dbops(*options).out.splitlines()
    grants = [line.strip() for line in lines[lines.index("All of it, to be run by the owner or a superuser:") + 1 :]]
    assert "grant pg_monitor to looker;" in grants
    for grant in grants:
        run_sql(erp, grant)
    [line] = dbops(*options).out.splitlines()
    assert f"looker in {looker.database}: of {len(rules())} rules {len(rules())} can say all they have to say" in line
    run_sql(erp, "alter role looker nobypassrls")


def test_for_programs_a_gap_is_a_skip_and_strict_makes_it_inconclusive(
    dbops: Dbops, looker: Target, url_of: UrlOf
) -> None:
    selected = ("--select=archiving-off-or-failing", "--select=checksums-off")
    options = ("audit", *selected, "--database-url", url_of(looker), "--check-privileges")
    answered = dbops(*options, "--json")
    gap, whole = answered.report["checks"]
    assert (0, "skip", "grant pg_monitor to looker;") == (answered.code, gap["status"], gap["remedy"])
    assert ("pass", None) == (whole["status"], whole["reason"])
    assert 3 == dbops(*options, "--strict").code


def test_a_superuser_lacks_nothing(dbops: Dbops, erp: Target, url_of: UrlOf) -> None:
    answered = dbops("audit", "--database-url", url_of(erp), "--check-privileges")
    [line] = answered.out.splitlines()
    assert line.endswith(f"{len(rules())} can say all they have to say, 0 less, 0 nothing")


def test_a_read_that_takes_too_long_errors_its_rules_and_no_other_and_the_run_cannot_pass(
    database: Target, tmp_path: Path
) -> None:
    policy = Policy(select=("duplicate-index", "no-primary-key", "rls-disabled"), packs=("erp",))
    # A lock on a catalog holds the one read up that needs it, for longer than a statement may take.
    with psycopg.connect(database.conninfo(), password=database.password) as holder:
        holder.execute("lock table pg_catalog.pg_policy in access exclusive mode")
        with Run.start("audit", tmp_path / "logs", "index-audit") as run:
            audit(database, policy, run, statement_timeout=0.5)
        holder.rollback()
    assert {"duplicate-index": "pass", "no-primary-key": "pass", "rls-disabled": "error"} == {
        check.check: check.status for check in run.report.checks
    }
    reason = run.report.checks[-1].reason or ""
    assert "'row_policies' failed: canceling statement due to statement timeout" in reason
    assert (Verdict.INCONCLUSIVE, 3) == (run.report.verdict, run.report.exit_code)


@pytest.mark.parametrize(("deadline", "status"), [(None, "error"), (60.0, "pass")])
def test_a_longer_limit_lets_a_read_take_longer(
    database: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, deadline: float | None, status: str
) -> None:
    monkeypatch.setattr("dbops.audit.STATEMENT_TIMEOUT_SECONDS", 0.1)
    policy = Policy(select=("rls-disabled",), packs=("erp",))
    with psycopg.connect(database.conninfo(), password=database.password) as holder:
        holder.execute("lock table pg_catalog.pg_policy in access exclusive mode")
        release = threading.Timer(0.5, holder.rollback)  # sooner than anybody gives up waiting for a lock
        with Run.start("audit", tmp_path / "logs", "index-audit") as run:
            audit(database, policy, run, deadline=deadline, meanwhile=release.start if deadline else None)
        holder.rollback()
    assert [status] == [check.status for check in run.report.checks]
