"""The rules about maintenance, on a server that has really been written to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.catalog import (
    Catalog,
    Horizon,
    Relation,
    Server,
    StatisticsWindow,
    TableUpkeep,
    TableWidths,
    VacuumSettings,
)
from dbops.checks.policy import Policy
from dbops.checks.rules.maintenance.table_bloat import needed_pages
from dbops.checks.runner import run_rules
from dbops.model import CheckStatus, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Check, Finding

    RunSql = Callable[[Target, str], list[tuple[Any, ...]]]
    Snapshot = Callable[[Target], Catalog]

SETTINGS = VacuumSettings(
    autovacuum=True, counts=True, freeze_max_age=200_000_000, multixact_freeze_max_age=400_000_000
)
UPKEEP = TableUpkeep(
    table=1,
    dead=0,
    live=100_000,
    modified=0,
    vacuumed_seconds=10 * 86_400,
    analyzed_seconds=10 * 86_400,
    vacuum_threshold=20_050,
    analyze_threshold=10_050,
    autovacuum=True,
    statistics="there",
)
TABLE = Relation(
    oid=1,
    schema="public",
    name="visit",
    kind="r",
    persistence="p",
    parent=None,
    partition_columns=(),
    owner="someone",
    rows=100_000,
    pages=1_000,
    rls_enabled=False,
    rls_forced=False,
    replica_identity="d",
    inherits=False,
    has_children=False,
    grants=(),
)


def catalog_of(
    upkeep: TableUpkeep,
    *,
    settings: VacuumSettings = SETTINGS,
    horizons: tuple[Horizon, ...] = (),
    window: StatisticsWindow | None = None,
    in_recovery: bool = False,
) -> Catalog:
    """Return a snapshot of one table, as the server would have told it."""
    return Catalog(
        Server(150_018, "clinic", "auditor", is_superuser=False, in_recovery=in_recovery),
        {
            Relation: (TABLE,),
            TableUpkeep: (upkeep,),
            VacuumSettings: (settings,),
            Horizon: horizons,
            StatisticsWindow: (window or StatisticsWindow(seconds=600, on_standby=in_recovery),),
        },
    )


def check_of(catalog: Catalog, slug: str) -> Check:
    [check] = run_rules(catalog, Policy(select=(slug,)))
    return check


def counted(database: Target, run_sql: RunSql, column: str, least: int) -> None:
    """Wait until the server has counted what was written: a session reports it when it ends, or up to a second late."""
    deadline = time.monotonic() + 10
    statement = f"select pg_stat_get_{column}('visit'::regclass)"
    while run_sql(database, statement)[0][0] < least:
        assert time.monotonic() < deadline, "the server has not counted in 10 s"
        time.sleep(0.05)


def findings_in_the_end(database: Target, snapshot: Snapshot, slug: str, number: int) -> tuple[Finding, ...]:
    """Return a rule's findings once there are so many: before 15 the server counts what vacuum did a moment later."""
    deadline = time.monotonic() + 10
    while len(findings := check_of(snapshot(database), slug).findings) != number and time.monotonic() < deadline:
        time.sleep(0.05)
    return findings


WRITTEN = """
create table visit (id bigint, note text);
insert into visit select i, 'note' from generate_series(1, 50000) as i;
"""


def test_a_table_of_which_rows_were_deleted_is_found_and_its_fix_mends_it(
    database: Target, run_sql: RunSql, snapshot: Snapshot
) -> None:
    run_sql(database, WRITTEN)
    run_sql(database, "analyze visit")
    run_sql(database, "delete from visit where id > 20000")
    counted(database, run_sql, "dead_tuples", 30_000)
    [finding] = check_of(snapshot(database), "dead-tuples").findings
    assert ("public.visit", Severity.WARNING) == (finding.object, finding.severity)
    assert finding.detail.startswith("30,000 dead rows beside 20,000 living, never vacuumed")
    assert run_sql(database, finding.verify or "")[0][:2] == (20_000, 30_000)
    run_sql(database, finding.fix or "")
    assert () == findings_in_the_end(database, snapshot, "dead-tuples", 0)


def test_autovacuum_that_is_disabled_is_enabled_again_by_the_fix(
    database: Target, run_sql: RunSql, snapshot: Snapshot
) -> None:
    run_sql(database, WRITTEN + "alter table visit set (autovacuum_enabled = off)")
    run_sql(database, "update visit set note = 'new'")
    counted(database, run_sql, "dead_tuples", 50_000)
    [finding] = check_of(snapshot(database), "dead-tuples").findings
    assert Severity.WARNING is finding.severity
    for line in (finding.fix or "").splitlines():
        run_sql(database, line)
    assert () == findings_in_the_end(database, snapshot, "dead-tuples", 0)
    run_sql(database, finding.undo or "")
    [undone] = check_of(snapshot(database), "dead-tuples").findings
    assert (Severity.INFO, finding.fingerprint) == (undone.severity, undone.fingerprint)


def test_the_open_transaction_that_keeps_vacuum_from_its_work_is_named() -> None:
    dead = UPKEEP._replace(dead=50_000)
    holders = (Horizon("session", "pid 7", 12, 7_200), Horizon("session", "pid 8", 12, 5))
    [finding] = check_of(catalog_of(dead, horizons=holders), "dead-tuples").findings
    assert 'the session "pid 7" may still look at' in finding.detail
    assert "pid 8" not in finding.detail
    assert "vacuumed last 10 days ago" in finding.detail


@pytest.mark.parametrize(
    ("dead", "autovacuum", "found"),
    [(40_099, True, 0), (40_100, True, 1), (20_049, False, 0), (20_050, False, 1)],
)
def test_a_table_gets_twice_its_threshold_where_autovacuum_may_still_come(
    dead: int, autovacuum: bool, found: int
) -> None:
    catalog = catalog_of(UPKEEP._replace(dead=dead), settings=SETTINGS._replace(autovacuum=autovacuum))
    assert found == len(check_of(catalog, "dead-tuples").findings)


def test_few_dead_rows_are_no_finding_whatever_the_threshold() -> None:
    tuned = UPKEEP._replace(dead=9_999, vacuum_threshold=50)
    assert CheckStatus.PASS is check_of(catalog_of(tuned), "dead-tuples").status


def test_a_server_that_does_without_autovacuum_for_a_day_is_found() -> None:
    off = SETTINGS._replace(autovacuum=False)
    catalog = catalog_of(UPKEEP, settings=off, window=StatisticsWindow(86_400, on_standby=False))
    [finding] = check_of(catalog, "dead-tuples").findings
    assert ("clinic", "alter system set autovacuum = on;") == (finding.object, (finding.fix or "").splitlines()[0])
    assert () == check_of(catalog_of(UPKEEP, settings=off), "dead-tuples").findings


@pytest.mark.parametrize("slug", ["dead-tuples", "stale-statistics"])
def test_where_nobody_counts_nothing_is_said_to_be_well(slug: str) -> None:
    standby = check_of(catalog_of(UPKEEP, in_recovery=True), slug)
    assert (CheckStatus.SKIP, "ask the primary") == (standby.status, standby.remedy)
    uncounted = check_of(catalog_of(UPKEEP, settings=SETTINGS._replace(counts=False)), slug)
    assert CheckStatus.SKIP is uncounted.status
    assert "alter system set track_counts = on;" in (uncounted.remedy or "")


def test_a_table_that_has_changed_since_it_was_analyzed_is_found_and_its_fix_mends_it(
    database: Target, run_sql: RunSql, snapshot: Snapshot
) -> None:
    run_sql(database, WRITTEN)
    run_sql(database, "analyze visit")
    run_sql(database, "update visit set note = 'new' where id > 20000")
    counted(database, run_sql, "mod_since_analyze", 30_000)
    [finding] = check_of(snapshot(database), "stale-statistics").findings
    assert "30,000 changes since it was analyzed, in about 50,000 rows" == finding.detail
    run_sql(database, finding.fix or "")
    assert () == findings_in_the_end(database, snapshot, "stale-statistics", 0)


@pytest.mark.parametrize(("modified", "found"), [(20_099, 0), (20_100, 1)])
def test_statistics_are_stale_at_twice_what_makes_autovacuum_analyze(modified: int, found: int) -> None:
    check = check_of(catalog_of(UPKEEP._replace(modified=modified)), "stale-statistics")
    assert found == len(check.findings)


def test_statistics_that_may_not_be_seen_are_a_skip_with_its_grant() -> None:
    check = check_of(catalog_of(UPKEEP._replace(statistics="unknown", analyzed_seconds=None)), "stale-statistics")
    assert (CheckStatus.SKIP, "grant select on public.visit to auditor;") == (check.status, check.remedy)


def test_a_transaction_left_open_is_seen(database: Target, run_sql: RunSql, snapshot: Snapshot) -> None:
    run_sql(database, WRITTEN)
    with psycopg.connect(database.conninfo(), password=database.password) as waiting:
        waiting.execute("set transaction isolation level repeatable read")
        [(pid,)] = waiting.execute("select pg_backend_pid() from visit limit 1").fetchall()
        names = {row.name for row in snapshot(database).rows(Horizon) if row.seconds is not None}
        waiting.rollback()
    assert f"pid {pid}" in names


# Columns and one row of them, by the number i of the row.
SHAPES = {
    "narrow": ("id bigint", "i"),
    "padded": ("a bool, b bigint, c smallint, d timestamptz", "true, i, 1, now()"),
    "half_null": ("id bigint, a text, b numeric", "i, case when i % 2 = 0 then repeat('x', 90) end, i * 1.5"),
    "all_null": ("id int, a bigint, b bigint, c text", "i, null::bigint, null::bigint, null"),
    "ragged": (
        "a text, b int, c text, d bigint, e jsonb",
        "repeat('y', i % 200), i, 'z', i, jsonb_build_object('i', i)",
    ),
    "wide": (
        "id bigint, body text",
        "i, string_agg(md5(i::text || j), '') from generate_series(1, 40) as j group by i",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_estimate_is_within_a_tenth_of_a_table_just_written(
    shape: str, database: Target, run_sql: RunSql, snapshot: Snapshot
) -> None:
    columns, row = SHAPES[shape]
    run_sql(database, f"create table {shape} ({columns})")
    values = f"select {row}" if " from " in row else f"values ({row})"
    run_sql(
        database,
        f"insert into {shape} select v.* from generate_series(1, 30000) as i cross join lateral ({values}) as v",
    )
    run_sql(database, f"analyze {shape}")
    [(pages, rows)] = run_sql(database, f"select relpages, reltuples from pg_class where oid = '{shape}'::regclass")
    # Only large tables are asked about; this one shall count as one.
    run_sql(database, f"update pg_class set relpages = 100000 where oid = '{shape}'::regclass")
    [widths] = snapshot(database).rows(TableWidths)
    assert 0.9 < needed_pages(widths, int(rows)) / pages < 1.1


def test_a_table_whose_samples_may_not_be_seen_is_a_skip_with_its_grant(
    database: Target, server: ScratchServer, run_sql: RunSql, snapshot: Snapshot
) -> None:
    run_sql(
        database,
        "create table visit (id bigint); insert into visit select generate_series(1, 100); analyze visit;"
        " update pg_class set relpages = 20000 where oid = 'visit'::regclass; create role sees_nothing login",
    )
    blind = server.target(database.database, user="sees_nothing")
    check = check_of(snapshot(blind), "table-bloat")
    assert (CheckStatus.SKIP, "grant select on public.visit to sees_nothing;") == (check.status, check.remedy)
    run_sql(database, check.remedy or "")
    assert ["public.visit"] == [finding.object for finding in check_of(snapshot(blind), "table-bloat").findings]
    run_sql(database, "drop owned by sees_nothing; drop role sees_nothing")


def test_a_table_that_lost_most_of_its_rows_is_found_and_its_fix_gives_the_room_back(
    database: Target, run_sql: RunSql, snapshot: Snapshot
) -> None:
    run_sql(
        database,
        "create table visit (id int, note text);"
        " insert into visit select i, repeat('x', 1000) from generate_series(1, 80000) as i;"
        " delete from visit where id % 10 <> 0",
    )
    run_sql(database, "vacuum (analyze) visit")
    [finding] = check_of(snapshot(database), "table-bloat").findings
    assert ("public.visit", Severity.INFO) == (finding.object, finding.severity)
    assert run_sql(database, finding.verify or "")[0][1] == 8_000
    run_sql(database, finding.fix or "")
    assert CheckStatus.PASS is check_of(snapshot(database), "table-bloat").status
