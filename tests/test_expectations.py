"""Declared queries and expressions in a whole audit: what is asked of which server, by whom, and what is kept of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from dbops.audit import audit, replay
from dbops.checks.catalog.saved import load_catalog
from dbops.checks.policy import Policy
from dbops.checks.surroundings import Surroundings
from dbops.errors import ConfigurationError, ExitCode
from dbops.evidence.run import Run
from dbops.model import CheckStatus, Verdict
from dbops.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Check, Report

SCHEMA = """
create table public.visit (id int primary key, code text, at timestamptz);
create index visit_recent on public.visit (code) where at >= '2026-01-01';
"""
QUERY = """
[[expect.query]]
id = "by-id"
sql = "select code from visit where id = 4711 and code <> 's3cret-canary'"
uses_index = "visit_pkey"
no_seq_scan = ["visit"]
"""
PREDICATE = """
[[expect.index]]
id = "recent"
table = "visit"
columns = ["code"]
where = "at >= timestamptz '2026-01-01 00:00:00'"
"""


@pytest.fixture
def visits(database: Target, run_sql: Callable[..., Any]) -> Target:
    run_sql(database, SCHEMA)
    return database


@pytest.fixture
def auditor(visits: Target, server: ScratchServer, run_sql: Callable[..., Any]) -> Iterator[Target]:
    """A role that is no superuser."""
    run_sql(visits, "create role dbops_test_auditor login")
    yield server.target(visits.database, user="dbops_test_auditor")
    run_sql(visits, "drop owned by dbops_test_auditor; drop role dbops_test_auditor")


@pytest.fixture
def audited(tmp_path: Path) -> Callable[..., Report]:
    """Audit a target by a text as in `dbops.toml` and return the report."""

    def run_audit(target: Target, text: str, **how: Any) -> Report:
        (tmp_path / "dbops.toml").write_text(text)
        policy = Policy.from_settings(load_settings({}, cwd=tmp_path, environ={}))
        around = Surroundings(environ=os.environ, log_dir=tmp_path / "logs")
        with Run.start("audit", tmp_path / "logs", "index-audit") as run:
            audit(target, policy, run, around=around, **how)
        return run.report

    return run_audit


def check(report: Report, slug: str) -> Check:
    [found] = [check for check in report.checks if check.check == slug]
    return found


def test_declared_queries_are_not_explained_in_a_superusers_session_unless_that_is_allowed(
    visits: Target, audited: Callable[..., Report]
) -> None:
    refused = check(audited(visits, QUERY), "expected-plan-differs")
    assert (CheckStatus.SKIP, True) == (refused.status, "--allow-superuser" in str(refused.remedy))
    allowed = check(audited(visits, QUERY, allow_superuser=True), "expected-plan-differs")
    assert (CheckStatus.PASS, 1) == (allowed.status, allowed.scope.checked if allowed.scope else None)


def test_a_role_that_may_not_read_the_table_is_told_the_grant(
    auditor: Target, visits: Target, run_sql: Callable[..., Any], audited: Callable[..., Report]
) -> None:
    refused = check(audited(auditor, QUERY), "expected-plan-differs")
    assert CheckStatus.SKIP == refused.status
    assert "1 query could not be judged: permission denied for table visit" == refused.reason
    assert "grant select on public.visit to dbops_test_auditor;" == refused.remedy
    run_sql(visits, refused.remedy)
    assert CheckStatus.PASS == check(audited(auditor, QUERY), "expected-plan-differs").status


def test_a_query_that_takes_too_long_to_plan_ends_its_rule_alone_and_the_run_cannot_pass(
    auditor: Target, visits: Target, run_sql: Callable[..., Any], audited: Callable[..., Report]
) -> None:
    run_sql(
        visits,
        "grant select on visit to dbops_test_auditor;"
        " create function public.slow() returns int immutable language sql as 'select 1 from pg_sleep(30)'",
    )
    report = audited(auditor, QUERY.replace("4711", "slow()"), statement_timeout=0.5)
    found = check(report, "expected-plan-differs")
    assert (CheckStatus.ERROR, True) == (found.status, "statement timeout" in str(found.reason))
    assert CheckStatus.ERROR not in {one.status for one in report.checks if one is not found}
    assert Verdict.PASS != report.verdict


def test_a_query_that_the_server_cannot_parse_is_a_mistake_of_the_configuration(
    visits: Target, audited: Callable[..., Report]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        audited(visits, QUERY.replace("where id", "were id"), allow_superuser=True)
    assert caught.value.message.startswith("dbops.toml:2: the server cannot parse the query of the expectation 'by-id'")
    assert ExitCode.USAGE == caught.value.report.exit_code


def test_no_value_of_a_query_is_kept_and_a_saved_catalog_gives_the_same_answers(
    visits: Target, audited: Callable[..., Report], tmp_path: Path
) -> None:
    saved = tmp_path / "catalog.json"
    text = QUERY.replace("visit_pkey", "recent") + PREDICATE
    live = audited(visits, text, allow_superuser=True, save_to=saved)
    assert ["catalog", "surroundings", "expressions", "rules"] == [step.name for step in live.steps]
    assert "4711" not in saved.read_text()
    assert "s3cret-canary" not in saved.read_text()
    assert "timestamp with time zone" in json.dumps(json.loads(saved.read_text())["reads"]["server_forms"])
    policy = Policy.from_settings(load_settings({}, cwd=tmp_path, environ={}))
    with Run.start("audit", tmp_path / "again", "index-audit") as run:
        replay(load_catalog(saved), policy, run)
    slugs = ("expected-plan-differs", "expected-index-missing")
    assert [told(check(live, slug)) for slug in slugs] == [told(check(run.report, slug)) for slug in slugs]
    assert [CheckStatus.FAIL, CheckStatus.PASS] == [check(live, slug).status for slug in slugs]


def told(found: Check) -> Check:
    return found.model_copy(update={"duration_ms": 0})


def test_a_query_that_was_not_explained_when_the_catalog_was_saved_is_not_judged(
    visits: Target, audited: Callable[..., Report], tmp_path: Path
) -> None:
    saved = tmp_path / "catalog.json"
    audited(visits, PREDICATE, save_to=saved)
    (tmp_path / "dbops.toml").write_text(QUERY)
    policy = Policy.from_settings(load_settings({}, cwd=tmp_path, environ={}))
    with Run.start("audit", tmp_path / "again", "index-audit") as run:
        replay(load_catalog(saved), policy, run)
    found = check(run.report, "expected-plan-differs")
    assert CheckStatus.SKIP == found.status
    assert "it was not explained when the catalog was saved" in str(found.reason)


def test_no_server_is_started_where_texts_settle_it(visits: Target, audited: Callable[..., Report]) -> None:
    text = PREDICATE.replace("at >= timestamptz '2026-01-01 00:00:00'", "code <> 'x'")
    report = audited(visits, text)
    assert ["catalog", "surroundings", "rules"] == [step.name for step in report.steps]
    assert CheckStatus.FAIL == check(report, "expected-index-missing").status


def test_a_predicate_that_no_server_takes_ends_the_run_with_file_and_line(
    visits: Target, audited: Callable[..., Report]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        audited(visits, PREDICATE.replace("timestamptz '2026-01-01 00:00:00'", "").strip())
    assert caught.value.message.startswith("dbops.toml:1: PostgreSQL refuses what the expectation 'recent' declares")
    assert ExitCode.USAGE == caught.value.report.exit_code
