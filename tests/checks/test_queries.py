"""Statements at work: what is explained and how, which index is proposed, and what a role may not see."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from dbops.audit import audit_catalog
from dbops.checks.candidates import Candidate, candidates, conjuncts
from dbops.checks.catalog import (
    Catalog,
    Plan,
    PlanNode,
    QuerySettings,
    SearchPath,
    StatementStatistics,
)
from dbops.checks.catalog.read import read_catalog
from dbops.checks.explain import MAX_PLANS, REFUSAL, Question, explain
from dbops.checks.policy import Policy
from dbops.checks.rules.queries import query_statistics_missing, slow_query_logging_off
from dbops.checks.runner import run_rules
from dbops.checks.statements import normalise
from dbops.connection.session import read_only, scratch
from dbops.evidence.run import Run
from dbops.model import CheckStatus, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import psycopg

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Check

    RunSql = Callable[[Target, str], list[tuple[Any, ...]]]
    Snapshot = Callable[[Target], Catalog]

RULES = ("query-statistics-missing", "seq-scan-heavy-table", "slow-query", "slow-query-logging-off")
TABLES = """
create table visit (id bigint primary key, clinic bigint, status text, at timestamptz, removed_at timestamptz,
    "Odd name" text, doc json, note varchar(40));
insert into visit select g, g % 1000, 'open', now() - g * interval '1 minute', now(), 'x', '{}', 'n' || g
    from generate_series(1, 20000) as g;
create table entry (id bigint, clinic bigint, day date) partition by range (day);
create table entry_1 partition of entry for values from ('2026-01-01') to ('2026-07-01');
create table entry_2 partition of entry for values from ('2026-07-01') to ('2027-01-01');
insert into entry select g, g % 1000, date '2026-01-01' + g % 360 from generate_series(1, 20000) as g;
analyze visit, entry;
"""


@pytest.fixture(scope="session")
def auditor(server: ScratchServer) -> Iterator[str]:
    """A role that may see statistics and plans, and is no superuser."""
    with scratch(server, "postgres") as connection:
        connection.execute("create role query_auditor login in role pg_monitor")
        yield "query_auditor"


@pytest.fixture
def clinic(database: Target, server: ScratchServer, auditor: str, run_sql: RunSql) -> Target:
    """A database with tables of some size and the statistics in a schema of their own, as the auditor sees it."""
    run_sql(
        database,
        f"create schema statistics; create extension pg_stat_statements schema statistics;"
        f"grant usage on schema statistics to {auditor}; {TABLES}"
        f"grant select on visit, entry to {auditor}; grant insert, update, delete on visit to {auditor};"
        "select statistics.pg_stat_statements_reset()",
    )
    return server.target(database.database, user=auditor)


@pytest.fixture
def work(server: ScratchServer) -> Callable[..., None]:
    """Run statements one by one, as an application does."""

    def run(target: Target, *statements: str, times: int = 1, user: str | None = None) -> None:
        with scratch(server, target.database, user=user) as connection:
            for statement in statements * times:
                connection.execute(statement.encode())

    return run


def check_of(catalog: Catalog, slug: str) -> Check:
    [check] = run_rules(catalog, Policy(select=(slug,)))
    return check


def node_of(catalog: Catalog, text: str) -> list[PlanNode]:
    fingerprint = normalise(text).fingerprint
    return [node for node in catalog.rows(PlanNode) if node.statement == fingerprint]


def problem_of(catalog: Catalog, text: str) -> str | None:
    fingerprint = normalise(text).fingerprint
    return next(plan.problem for plan in catalog.rows(Plan) if plan.statement == fingerprint)


# Explaining


def test_a_slow_statement_comes_with_the_index_that_it_wants(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot, run_sql: RunSql, server: ScratchServer
) -> None:
    slow = "select count(*), pg_sleep(0.12) from visit where clinic = 5 and status = 'open' and removed_at is null"
    work(clinic, slow, times=10)
    check = check_of(snapshot(clinic), "slow-query")
    [finding] = check.findings
    assert re.search(r" 10 executions of 1\d\d ms on average; reads ", finding.detail)
    assert (
        "reads public.visit from start to end for the rows where"
        " ((visit.removed_at IS NULL) AND (visit.clinic = $2) AND (visit.status = $3))" in finding.detail
    )
    assert "from visit where clinic = $2 and status = $3 and removed_at is null" in finding.detail
    fix = finding.fix or ""
    assert fix.startswith("create index concurrently ix_visit_clinic_status")
    assert fix.endswith("on public.visit (clinic, status) where removed_at is null;")
    assert (check.scope is not None, check.method) == (True, None)
    owner = server.target(clinic.database)
    assert run_sql(owner, (finding.verify or "").replace("select s.*", "select s.calls")) == [(10,)]
    run_sql(owner, fix)
    run_sql(owner, "analyze visit")
    again = snapshot(clinic)
    assert {node.kind for node in node_of(again, slow)} & {"Index Scan", "Bitmap Heap Scan", "Index Only Scan"}
    assert [finding.fix for finding in check_of(again, "slow-query").findings] == [None]


def test_statements_are_not_explained_in_a_superusers_session(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot, server: ScratchServer
) -> None:
    work(clinic, "select count(*), pg_sleep(0.12) from visit where clinic = 5", times=10)
    catalog = snapshot(server.target(clinic.database))
    assert catalog.failure(Plan) == REFUSAL
    check = check_of(catalog, "slow-query")
    assert [finding.fix for finding in check.findings] == [None]
    assert "not explained in a superuser's session" in (check.method or "")


def test_explaining_carries_nothing_out_and_leaves_the_session_as_it_was(
    clinic: Target, work: Callable[..., None], run_sql: RunSql, server: ScratchServer
) -> None:
    statements = [
        "insert into visit (id) values (-1)",
        "update visit set note = 'new' where clinic = -5",
        "delete from visit where id = -3",
        "with gone as (delete from visit where id = -4 returning id) select * from gone",
        "select * from visit where id = -7 for update",
    ]
    work(clinic, *statements, "delete from visit where id = -1")
    with read_only(clinic) as session:
        before = session.fetch_all("select name, setting from pg_catalog.pg_settings order by name")
        catalog = read_catalog(session)
        assert session.fetch_all("select name from pg_catalog.pg_prepared_statements") == []
        assert session.fetch_all("select name, setting from pg_catalog.pg_settings order by name") == before
    assert [problem_of(catalog, statement) for statement in statements] == [None] * 5
    assert [node.kind for node in node_of(catalog, statements[1])] == ["Seq Scan"]
    assert run_sql(server.target(clinic.database), "select count(*), count(*) filter (where id < 0) from visit") == [
        (20000, 0)
    ]


def test_a_statement_that_cannot_be_explained_does_not_keep_the_others_from_it(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot, server: ScratchServer
) -> None:
    work(clinic, "create table secret (id int)", "create temporary table passing (id int); select * from passing")
    bad = ["select count(*) from secret", "select * from generate_series(1, 3) as g"]
    good = "select * from visit where clinic = 5"
    work(clinic, *bad, good)
    catalog = snapshot(clinic)
    assert [problem_of(catalog, statement) for statement in bad] == [
        "permission denied for table secret",
        "function generate_series(unknown, unknown) is not unique",
    ]
    assert problem_of(catalog, "select * from passing") == 'relation "passing" does not exist'
    assert [node.kind for node in node_of(catalog, good)] == ["Seq Scan"]


def test_what_cannot_be_explained_is_said_in_the_finding(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot
) -> None:
    work(clinic, "create table secret (id int)", *["select count(*), pg_sleep(0.12) from secret"] * 10)
    [finding] = check_of(snapshot(clinic), "slow-query").findings
    assert "its plan is not known (permission denied for table secret)" in finding.detail


def test_partitions_are_seen_whatever_the_values_and_the_index_is_for_all_of_them(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot
) -> None:
    text = "select count(*), pg_sleep(0.12) from entry where clinic = 5 and day >= '2026-03-01' and day < '2026-03-02'"
    work(clinic, text, times=10)
    catalog = snapshot(clinic)
    assert [(node.kind, node.table) for node in node_of(catalog, text)] == [
        ("Seq Scan", "entry_1"),
        ("Seq Scan", "entry_2"),
    ]
    [finding] = check_of(catalog, "slow-query").findings
    assert finding.detail.count("reads public.entry from start to end") == 1
    assert (finding.fix or "").splitlines()[0] == (
        "create index ix_entry_clinic_day on only public.entry (clinic, day);"
    )


def test_names_are_looked_up_as_the_role_would_that_ran_the_statement(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot, server: ScratchServer, auditor: str
) -> None:
    name = f'Clerk "{clinic.database}"'
    role = '"' + name.replace('"', '""') + '"'
    work(
        clinic,
        f"create role {role} login",
        f"create schema authorization {role}",
        f"create table {role}.mine (id bigint)",
        "create schema archive",
        "create table archive.old (id bigint)",
        f"grant usage on schema archive, {role} to {auditor}, {role}",
        f"grant select on archive.old, {role}.mine to {auditor}, {role}",
        f"alter role {role} in database {clinic.database} set search_path = \"$user\", 'archive'",
    )
    work(clinic, "select * from mine where id = 5", "select * from old where id = 5", user=name)
    catalog = snapshot(clinic)
    assert [problem_of(catalog, f"select * from {table} where id = 5") for table in ("mine", "old")] == [None, None]
    assert (name, '"$user", archive') in catalog.rows(SearchPath)
    work(server.target("postgres"), f'drop database "{clinic.database}" with (force)', f"drop role {role}")


def test_a_locked_table_costs_its_own_plan_and_no_more_than_the_lock_timeout(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot, server: ScratchServer
) -> None:
    texts = ["select * from visit where clinic = 5", "select * from entry where clinic = 5"]
    work(clinic, *texts)
    with scratch(server, clinic.database) as connection, connection.transaction():
        connection.execute("lock table visit in access exclusive mode")
        catalog = snapshot(clinic)
    assert [problem_of(catalog, text) for text in texts] == ["canceling statement due to lock timeout", None]


def test_only_the_heaviest_statements_are_explained(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot
) -> None:
    work(clinic, *(f"select {', '.join(['1'] * (i + 1))} from visit where clinic = 5" for i in range(MAX_PLANS + 5)))
    assert len(snapshot(clinic).rows(Plan)) == MAX_PLANS


def test_a_question_of_ones_own_can_be_asked(clinic: Target) -> None:
    with read_only(clinic) as session:
        plans, nodes = explain(
            session, [Question("q", "select 1 from public.visit where id = 5"), Question("w", "select")]
        )
        assert explain(session, []) == ((), ())
    assert plans == (Plan("q", None), Plan("w", None))
    assert [(node.statement, node.kind, node.index_name) for node in nodes] == [("q", "Index Only Scan", "visit_pkey")]


def test_a_plan_that_reads_nothing_says_so(clinic: Target) -> None:
    with read_only(clinic) as session:
        plans, _ = explain(session, [Question("never", "select 1 from public.visit where false")])
    assert "row-level security shows this role none" in (plans[0].problem or "")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_parallel_scan_keeps_as_many_rows_as_any_other(clinic: Target, workers: int) -> None:
    asked = [Question("plan", "select note from public.visit where status = 'open' and clinic < 500")]
    at_once = "set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0;"
    with read_only(clinic) as session:
        session.connection.execute("set local max_parallel_workers_per_gather = 0")
        _, [alone] = explain(session, asked)
        session.connection.execute(f"{at_once} set local min_parallel_table_scan_size = 0")
        session.connection.execute(f"set local max_parallel_workers_per_gather = {workers}".encode())
        [(plan,)] = session.fetch_all("explain (format json) " + asked[0].text)
        assert "Workers Planned" in json.dumps(plan)
        _, [shared] = explain(session, asked)
    assert alone.rows == pytest.approx(shared.rows, rel=0.001)


# What is kept


def test_no_value_and_no_comment_reaches_a_kept_catalog(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot
) -> None:
    work(clinic, "select /* traced for bob@example.org */ count(*) from visit where note = 'bob@example.org'")
    document = json.dumps(snapshot(clinic).to_json())
    assert "count(*) from visit where note = $1" in document
    assert "bob@example.org" not in document


def test_a_kept_catalog_finds_the_same_again(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot, tmp_path: Path
) -> None:
    work(clinic, "select count(*), pg_sleep(0.12) from visit where clinic = 5", times=10)
    catalog = snapshot(clinic)
    again = Catalog.from_json(json.loads(json.dumps(catalog.to_json())))
    reports = []
    for one in (catalog, again):
        with Run.start("audit", tmp_path, "index-audit") as run:
            audit_catalog(one, Policy(select=RULES), run)
        reports.append([check.model_copy(update={"duration_ms": 0}) for check in run.report.checks])
    assert reports[0] == reports[1]
    assert any(finding.fix and "create index" in finding.fix for check in reports[1] for finding in check.findings)


# Privileges


def test_what_a_role_may_not_see_is_a_skip_with_the_grant(
    clinic: Target, work: Callable[..., None], snapshot: Snapshot, server: ScratchServer
) -> None:
    work(clinic, "create role nobody_special login", "grant usage on schema statistics to public")
    work(clinic, "select count(*), pg_sleep(0.12) from visit where clinic = 5", times=10)
    check = check_of(snapshot(server.target(clinic.database, user="nobody_special")), "slow-query")
    assert check.status is CheckStatus.SKIP
    assert check.remedy == "grant pg_read_all_stats to nobody_special;"
    work(clinic, "revoke usage on schema statistics from public")
    check = check_of(snapshot(server.target(clinic.database, user="nobody_special")), "slow-query")
    assert (check.status, check.remedy) == (
        CheckStatus.SKIP,
        "grant usage on schema statistics to nobody_special;",
    )
    work(clinic, "drop role nobody_special")


def test_without_the_extension_the_rules_that_need_it_are_skipped_and_one_says_why(
    database: Target, snapshot: Snapshot
) -> None:
    checks = {check.check: check for check in run_rules(snapshot(database), Policy())}
    assert [checks[slug].status for slug in ("slow-query", "temp-spilling-query")] == [CheckStatus.SKIP] * 2
    assert checks["slow-query"].remedy == "create extension pg_stat_statements;"
    assert [finding.fix for finding in checks["query-statistics-missing"].findings] == [
        "create extension pg_stat_statements;"
    ]


# Candidates


@pytest.fixture
def sized(clinic: Target, snapshot: Snapshot) -> Catalog:
    return snapshot(clinic)


def candidate_of(
    catalog: Catalog, text: str | None, sorted_by: Sequence[str] = (), *, limited: bool = False, rows: int = 5
) -> Candidate | None:
    node = PlanNode("s", "Seq Scan", "public", "visit", None, None, text, rows, tuple(sorted_by), limited)
    extended = catalog.extended({PlanNode: (node,), Plan: (Plan("s", None),)})
    return candidates(extended).get(node)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("(visit.clinic = $1)", "btree (clinic)"),
        ("(clinic = $1)", "btree (clinic)"),
        ("((visit.status = $1) AND (visit.clinic = $2))", "btree (status, clinic)"),
        ("((visit.at > $1) AND (visit.clinic = $2))", "btree (clinic, at)"),
        ("((visit.at >= $1) AND (visit.at < $2))", "btree (at)"),
        ("(visit.clinic = ANY ($1))", "btree (clinic)"),
        ("(visit.clinic = ANY (ARRAY[$1, $2]))", "btree (clinic)"),
        ("($1 = visit.clinic)", "btree (clinic)"),
        ("((visit.note)::text = $1)", "btree (note)"),
        ("(lower(visit.status) = $1)", "btree (lower(status))"),
        ('(visit."Odd name" = $1)', 'btree ("Odd name")'),
        ("((visit.removed_at IS NULL) AND (visit.clinic = $1))", "btree (clinic) where removed_at is null"),
        ("(visit.clinic = (current_setting('app.clinic'::text))::bigint)", "btree (clinic)"),
        ("((visit.at)::date = CURRENT_DATE)", None),
        ("((visit.clinic = $1) AND (hashed SubPlan 1))", "btree (clinic)"),
        ("((visit.clinic = $1) AND ((visit.status = $2) OR (visit.status IS NULL)))", "btree (clinic)"),
        ("((visit.clinic = $1) AND (visit.clinic = $2))", "btree (clinic)"),
        ("((visit.clinic = $1) AND (visit.note ~~ 'a) AND (b'::text))", "btree (clinic)"),
        ("(visit.clinic <> $1)", None),
        ("(visit.status ~~ $1)", None),
        ("(visit.clinic = visit.id)", None),
        ("((visit.clinic + 1) = $1)", None),
        ("((visit.clinic = $1) OR (visit.status = $2))", None),
        ("(visit.removed_at IS NULL)", None),
        ("((visit.doc)::text = $1)", None),
        ("(visit.id = $1)", None),
        ("(visit.missing = $1)", None),
        (None, None),
    ],
)
def test_a_candidate_is_made_of_what_the_scan_is_filtered_by(
    sized: Catalog, text: str | None, spelled: str | None
) -> None:
    found = candidate_of(sized, text)
    assert (found.shape(sized).spelled() if found else None) == spelled


@pytest.mark.parametrize(
    ("sorted_by", "limited", "spelled"),
    [
        (["visit.at DESC"], True, "btree (clinic, at)"),
        (["visit.at"], True, "btree (clinic, at)"),
        (["visit.at DESC NULLS LAST"], True, "btree (clinic, at desc nulls last)"),
        (["visit.at NULLS FIRST"], True, "btree (clinic, at nulls first)"),
        (["visit.at DESC", "visit.id DESC"], True, "btree (clinic, at, id)"),
        (["visit.at DESC", "visit.id"], True, "btree (clinic, at desc, id)"),
        (["visit.at DESC"], False, "btree (clinic)"),
        (["(lower(visit.status))"], True, "btree (clinic)"),
        (["visit.clinic"], True, "btree (clinic)"),
    ],
)
def test_the_order_that_the_first_rows_are_wanted_in_comes_after_equality(
    sized: Catalog, sorted_by: list[str], limited: bool, spelled: str
) -> None:
    found = candidate_of(sized, "(visit.clinic = $1)", sorted_by, limited=limited)
    assert found is not None
    assert found.shape(sized).spelled() == spelled


def test_a_scan_that_keeps_much_of_the_table_is_left_alone(sized: Catalog) -> None:
    assert candidate_of(sized, "(visit.clinic = $1)", rows=2000) is not None
    assert candidate_of(sized, "(visit.clinic = $1)", rows=2001) is None


@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        ("create index on visit (clinic)", False),
        ("create index on visit (clinic, status)", False),
        ("create index on visit using hash (clinic)", False),
        ("create index on visit (status, clinic)", True),
        ("create index on visit (clinic) where status = 'open'", True),
        ("create index on visit using brin (clinic)", True),
    ],
)
def test_an_index_that_is_there_is_not_proposed_again(
    clinic: Target, snapshot: Snapshot, work: Callable[..., None], index: str, wanted: bool
) -> None:
    work(clinic, index)
    assert (candidate_of(snapshot(clinic), "(visit.clinic = $1)") is not None) is wanted


def test_keys_compared_for_equality_are_found_in_any_order(
    clinic: Target, snapshot: Snapshot, run_sql: RunSql, server: ScratchServer
) -> None:
    run_sql(server.target(clinic.database), "create index on visit (status, clinic, at)")
    catalog = snapshot(clinic)
    assert candidate_of(catalog, "((visit.clinic = $1) AND (visit.status = $2) AND (visit.at > $3))") is None
    assert candidate_of(catalog, "((visit.clinic = $1) AND (visit.at > $2))") is not None


def test_an_invalid_index_of_the_kind_is_built_anew(
    clinic: Target, snapshot: Snapshot, run_sql: RunSql, server: ScratchServer
) -> None:
    run_sql(
        server.target(clinic.database),
        "create index visit_clinic on visit (clinic);"
        "update pg_index set indisvalid = false where indexrelid = 'visit_clinic'::regclass",
    )
    catalog = snapshot(clinic)
    found = candidate_of(catalog, "(visit.clinic = $1)")
    assert found is not None
    fix = found.fix(catalog)
    assert fix is not None
    assert fix.sql == "reindex index concurrently public.visit_clinic;"


def test_a_candidate_that_another_begins_with_gives_way_to_it(sized: Catalog) -> None:
    texts = ("(visit.clinic = $1)", "((visit.clinic = $1) AND (visit.at > $2))", "(visit.status = $1)")
    nodes = tuple(
        PlanNode(str(i), "Seq Scan", "public", "visit", None, None, text, 5, (), limited=False)
        for i, text in enumerate(texts)
    )
    found = candidates(sized.extended({PlanNode: nodes}))
    assert [found[node].shape(sized).spelled() for node in nodes] == [
        "btree (clinic, at)",
        "btree (clinic, at)",
        "btree (status)",
    ]


@pytest.mark.parametrize(
    ("text", "arms"),
    [
        ("(a = $1)", ["(a = $1)"]),
        ("((a = $1) AND (b = $2))", ["(a = $1)", "(b = $2)"]),
        ("((a = ' AND ') AND (\"x) AND (y\" = 1))", ["(a = ' AND ')", '("x) AND (y" = 1)']),
        ("((a = 1) OR ((b = 2) AND (c = 3)))", ["((a = 1) OR ((b = 2) AND (c = 3)))"]),
        ("active", ["active"]),
    ],
)
def test_a_filter_is_taken_apart_at_its_own_and_only(text: str, arms: list[str]) -> None:
    assert conjuncts(text) == arms


# Tables read over and over


def test_a_heavy_table_is_a_warning_where_a_statement_reads_it_so(
    snapshot_after: Callable[[str], Catalog], sized: Catalog
) -> None:
    catalog = snapshot_after(
        """
        create table visit (id bigint primary key, clinic bigint);
        update pg_class set reltuples = 100000, relpages = 2000 where oid = 'visit'::regclass;
        set local allow_system_table_mods = on;
        create or replace function pg_catalog.pg_stat_get_numscans(oid) returns bigint language sql stable
            as 'select 900::bigint';
        create or replace function pg_catalog.pg_stat_get_tuples_returned(oid) returns bigint language sql stable
            as 'select 90000000::bigint';
        """
    )
    text = "select * from visit where clinic = $1"
    row = StatementStatistics(1, "erp_app", text, 900, 900_000, 0, 0, 1_000_000, 1, 0)
    node = PlanNode(
        normalise(text).fingerprint, "Seq Scan", "public", "visit", None, None, "(clinic = $1)", 100, (), limited=False
    )
    [alone] = check_of(catalog, "seq-scan-heavy-table").findings
    assert (alone.severity, alone.fix) == (Severity.INFO, None)
    known = catalog.extended({StatementStatistics: (row,), PlanNode: (node,)})
    [read] = check_of(known, "seq-scan-heavy-table").findings
    assert read.severity is Severity.WARNING
    assert f"{normalise(text).name} reads it so, 100 rows at a time: {text}" in read.detail
    assert read.fix == "create index concurrently ix_visit_clinic on public.visit (clinic);"
    assert read.fingerprint == alone.fingerprint
    unselective = catalog.extended({StatementStatistics: (row,), PlanNode: (node._replace(rows=50_000),)})
    assert [f.severity for f in check_of(unselective, "seq-scan-heavy-table").findings] == [Severity.INFO]


# Settings, as other servers have them


@pytest.fixture
def settings(sized: Catalog) -> QuerySettings:
    [row] = sized.rows(QuerySettings)
    return row


def test_settings_are_read_as_they_are(settings: QuerySettings) -> None:
    assert (settings.min_duration_ms, settings.log_statement, settings.work_mem) == (-1, "none", 4 << 20)
    assert (settings.preloaded, settings.max_statements, settings.track) == ("pg_stat_statements", 5000, "top")
    assert (settings.extension_schema, settings.extension_usable) == ("statistics", True)


@pytest.mark.parametrize(
    ("change", "logged"),
    [
        ({}, False),
        ({"min_duration_ms": 0}, True),
        ({"min_duration_sample_ms": 100}, True),
        ({"min_duration_sample_ms": 100, "statement_sample_rate": 0.0}, False),
        ({"transaction_sample_rate": 0.01}, True),
        ({"log_duration": True}, False),
        ({"log_duration": True, "log_statement": "mod"}, False),
        ({"log_duration": True, "log_statement": "all"}, True),
        ({"log_statement": "all"}, False),
        ({"auto_explain_ms": 250}, True),
        ({"auto_explain_ms": 250, "auto_explain_sample_rate": 0.0}, False),
    ],
)
def test_every_way_to_log_slow_statements_counts(
    sized: Catalog, settings: QuerySettings, change: dict[str, Any], logged: bool
) -> None:
    catalog = sized.extended({QuerySettings: (settings._replace(**change),)})
    assert (list(slow_query_logging_off.find(catalog, Policy())) == []) is logged


@pytest.mark.parametrize(
    ("change", "says", "fix"),
    [
        (
            {"max_statements": None, "track": None, "preloaded": "", "extension_schema": None},
            "its library is not loaded",
            (
                "alter system set shared_preload_libraries = 'pg_stat_statements';\n"
                "-- then restart the server, and:\ncreate extension pg_stat_statements;"
            ),
        ),
        (
            {"max_statements": None, "track": None, "preloaded": 'auto_explain, "$libdir/Odd"'},
            "the extension is in this database, but its library is not loaded",
            (
                "alter system set shared_preload_libraries = 'auto_explain', '$libdir/Odd', 'pg_stat_statements';\n"
                "-- then restart the server"
            ),
        ),
        ({"max_statements": None, "track": None, "preloaded": None}, "its library is not loaded", None),
        (
            {"max_statements": None, "track": None, "extension_schema": None, "extension_available": False},
            "its files are not installed",
            None,
        ),
        (
            {"track": "none"},
            "nothing is counted",
            "alter system set pg_stat_statements.track = 'top';\nselect pg_catalog.pg_reload_conf();",
        ),
        (
            {"query_ids": "off"},
            "no identity",
            "alter system set compute_query_id = 'auto';\nselect pg_catalog.pg_reload_conf();",
        ),
        ({"query_ids": None}, None, None),
    ],
)
def test_every_way_not_to_count_statements_is_told(
    sized: Catalog, settings: QuerySettings, change: dict[str, Any], says: str | None, fix: str | None
) -> None:
    catalog = sized.extended({QuerySettings: (settings._replace(**change),)})
    drafts = list(query_statistics_missing.find(catalog, Policy()))
    assert [says in draft.detail if says else draft.detail for draft in drafts] == ([True] if says else [])
    assert [draft.fix.sql if draft.fix else None for draft in drafts] == ([fix] if says else [])


def test_the_fixes_of_settings_run_as_printed_and_are_undone(
    server: ScratchServer, database: Target, snapshot: Snapshot
) -> None:
    def findings() -> list[str]:
        catalog = snapshot(database)
        checks = run_rules(catalog, Policy(select=("query-statistics-missing", "slow-query-logging-off")))
        return [finding.object for check in checks for finding in check.findings]

    checks = run_rules(snapshot(database), Policy(select=("query-statistics-missing", "slow-query-logging-off")))
    found = [finding for check in checks for finding in check.findings]
    before = findings()
    assert before == ["pg_stat_statements", "log_min_duration_statement"]
    with scratch(server, database.database) as connection:
        for finding in found:
            _each(connection, finding.fix or "")
        _until(lambda: findings() == [])
        for finding in found:
            assert connection.execute((finding.verify or "").encode()).fetchall() != []
            _each(connection, finding.undo or "")
        _until(lambda: findings() == before)


def _each(connection: psycopg.Connection[Any], sql: str) -> None:
    for line in sql.splitlines():
        connection.execute(line.encode())


def _until(reached: Callable[[], bool]) -> None:
    """Wait for a reloaded setting: new sessions follow within moments."""
    deadline = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)
