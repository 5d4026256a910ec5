"""The rules about durability on servers in the very state they speak of, and what surrounds a database."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from dbops.checks.catalog import ClientPrograms, DurabilitySettings, RestoreHistory, WalSender
from dbops.checks.catalog.read import read_catalog
from dbops.checks.policy import Goal, Policy
from dbops.checks.runner import run_rules
from dbops.checks.surroundings import Surroundings, with_surroundings
from dbops.connection.binaries import outdated
from dbops.connection.server import ScratchServer
from dbops.connection.session import read_only, scratch
from dbops.model import CheckStatus, TargetInfo, Verdict
from dbops.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from dbops.checks.catalog import Catalog
    from dbops.connection.binaries import Binaries
    from dbops.model import Check

ARCHIVING = "archiving-off-or-failing"
DECLARED = Goal(dt.timedelta(minutes=15), declared=True)
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
# A segment of 1 MB, so that there is something to archive at once.
SMALL_SEGMENTS = ("--wal-segsize=1",)
BASE = {"max_wal_size": "64MB", "archive_timeout": "60s"}


def check_of(catalog: Catalog, slug: str, **of_policy: Any) -> Check:
    [check] = run_rules(catalog, Policy(select=(slug,), **of_policy))
    return check


def details(check: Check) -> dict[str, str]:
    return {finding.object: finding.detail for finding in check.findings}


def look(server: ScratchServer, user: str | None = None) -> Catalog:
    with read_only(server.target(user=user)) as session:
        return read_catalog(session)


def switch(server: ScratchServer) -> None:
    """Finish a segment with something in it."""
    with scratch(server, "postgres") as connection:
        connection.execute("create table if not exists written (at timestamptz)")
        connection.execute("insert into written values (now())")
        connection.execute("select pg_switch_wal()")


def wait_for(server: ScratchServer, condition: str) -> None:
    """Poll for at most ten seconds."""
    with scratch(server, "postgres") as connection:
        for _ in range(100):
            if connection.execute(condition.encode()).fetchall() == [(True,)]:
                return
            time.sleep(0.1)
    raise AssertionError(f"it did not come about: {condition}")


@pytest.fixture
def started(binaries: Binaries) -> Iterator[Callable[[Mapping[str, str]], ScratchServer]]:
    """Start servers with settings of their own."""
    running: list[ScratchServer] = []

    def start(settings: Mapping[str, str]) -> ScratchServer:
        server = ScratchServer(binaries, settings={**BASE, **settings}, initdb_arguments=SMALL_SEGMENTS)
        running.append(server.__enter__())
        return server

    yield start
    for server in reversed(running):
        server.__exit__(None, None, None)


def test_an_archive_command_that_fails_is_found_and_one_that_works_again_is_not(
    started: Callable[[Mapping[str, str]], ScratchServer],
) -> None:
    server = started({"archive_mode": "on"})
    with scratch(server, "postgres") as connection:
        connection.execute("alter system set archive_command = 'echo no room left >&2; false'")
        connection.execute("select pg_reload_conf()")
    switch(server)
    wait_for(server, "select failed_count > 0 from pg_stat_archiver")
    failing = check_of(look(server), ARCHIVING, rpo=DECLARED)
    [finding] = failing.findings
    assert ("archiver", Severity.ERROR) == (finding.object, finding.severity)
    assert "nothing was ever archived" in finding.detail
    assert "waits" in finding.detail or "wait," in finding.detail
    with scratch(server, "postgres") as connection:
        connection.execute("alter system set archive_command = 'test -f %p'")
        connection.execute("select pg_reload_conf()")
    switch(server)
    wait_for(server, "select last_archived_time > last_failed_time from pg_stat_archiver")
    assert CheckStatus.PASS is check_of(look(server), ARCHIVING, rpo=DECLARED).status


def test_an_archive_command_that_hangs_is_found_though_nothing_fails(
    started: Callable[[Mapping[str, str]], ScratchServer],
) -> None:
    server = started({"archive_mode": "on", "archive_command": "sleep 600"})
    switch(server)
    wait_for(server, "select count(*) > 0 from pg_ls_archive_statusdir() where name like '%.ready'")
    time.sleep(1.1)
    catalog = look(server)
    assert {} == details(check_of(catalog, ARCHIVING))  # within the RPO there is nothing to say
    impatient = check_of(catalog, ARCHIVING, rpo=Goal(dt.timedelta(seconds=0.5)))
    said = details(impatient)["archiver"]  # 14 has filled a segment more by now
    assert re.search("has not finished, and does not fail: (1 segment waits|2 segments wait), the oldest for ", said)
    with scratch(server, "postgres") as connection:
        connection.execute("create role looker login")
    blind = check_of(look(server, "looker"), ARCHIVING, rpo=Goal(dt.timedelta(seconds=0.5)))
    assert (CheckStatus.PASS, ()) == (blind.status, blind.findings)
    assert "archive_backlog" in (blind.method or "")


def test_a_command_that_archives_nothing_is_told_from_one_that_may(
    started: Callable[[Mapping[str, str]], ScratchServer],
) -> None:
    server = started({"archive_mode": "on"})
    expected = {
        "": "unset",
        "  ": "unset",
        **dict.fromkeys(
            ("/bin/true", "/usr/bin/true", "true", ":", "exit 0", "cd .", "REM", "echo archived %f"), "no-op"
        ),
        **dict.fromkeys(("cp %p /archive/%f", "true && cp %p /a/%f", "echo %f >> log; cp %p /a/%f"), "set"),
    }
    found: dict[str, str] = {}
    for command in expected:
        with scratch(server, "postgres") as connection:
            connection.execute(sql.SQL("alter system set archive_command = {}").format(command))
            connection.execute("select pg_reload_conf()")
        spelled = sql.Literal(command).as_string()
        wait_for(server, f"select setting = {spelled} from pg_settings where name = 'archive_command'")
        [row] = look(server).rows(DurabilitySettings)
        found[command] = row.archive_command
        found_by_rule = [] if row.archive_command == "set" else ["archive_command"]
        assert found_by_rule == [name for name in details(check_of(look(server), ARCHIVING)) if name != "archiver"]
    assert expected == found


def test_who_streams_the_log_is_told_apart_from_base_backups_and_logical_decoding(
    started: Callable[[Mapping[str, str]], ScratchServer],
) -> None:
    server = started({"wal_level": "logical"})
    target = server.target()
    with (
        psycopg.connect(target.conninfo() + " replication=true application_name=pg_receivewal", autocommit=True) as wal,
        psycopg.connect(target.conninfo() + " replication=database application_name=decoding", autocommit=True) as rows,
    ):
        # A sender knows the simple protocol alone.
        system = wal.pgconn.exec_(b"IDENTIFY_SYSTEM")
        timeline, position = ((system.get_value(0, i) or b"").decode() for i in (1, 2))
        rows.pgconn.exec_(b"CREATE_REPLICATION_SLOT decoded LOGICAL test_decoding")
        for connection, command in (
            (rows, "START_REPLICATION SLOT decoded LOGICAL 0/0"),
            (wal, f"START_REPLICATION PHYSICAL {position} TIMELINE {timeline}"),
        ):
            connection.pgconn.send_query(command.encode())
        wait_for(server, "select count(*) = 2 from pg_stat_replication where state = 'streaming'")
        catalog = look(server)
        assert [WalSender("pg_receivewal", "streaming")] == list(catalog.rows(WalSender))
        assert {} == details(check_of(catalog, ARCHIVING, rpo=DECLARED))
        with scratch(server, "postgres") as connection:
            connection.execute("create role looker login")
        hidden = look(server, "looker")
        assert [WalSender("pg_receivewal", None)] == list(hidden.rows(WalSender))
        assert {} == details(check_of(hidden, ARCHIVING, rpo=DECLARED))
        for connection in (wal, rows):
            connection.pgconn.finish()


def test_a_standby_leaves_archiving_to_its_primary(server: ScratchServer, snapshot: Callable[..., Catalog]) -> None:
    from dataclasses import replace

    from dbops.checks.catalog import Catalog

    primary = snapshot(server.target())
    standby = Catalog(replace(primary.server, in_recovery=True), primary._rows, primary._failures)
    check = check_of(standby, ARCHIVING)
    assert (CheckStatus.SKIP, "this server is a standby, which does not archive") == (check.status, check.reason)


def test_an_idle_slot_is_found_with_the_log_it_keeps_and_dropped_it_is_gone(
    started: Callable[[Mapping[str, str]], ScratchServer],
) -> None:
    server = started({"wal_level": "logical"})
    slug = "inactive-replication-slot"
    with scratch(server, "postgres") as connection:
        connection.execute("select pg_create_physical_replication_slot('left_behind', true)")
        connection.execute("select pg_create_physical_replication_slot('never_used')")
        connection.execute("select pg_create_logical_replication_slot('decoded', 'test_decoding')")
        connection.execute("select pg_create_physical_replication_slot('passing', true, true)")
        for _ in range(3):
            switch(server)
        check = check_of(look(server), slug)
    if server.binaries.major >= 17:  # they have been idle for a moment only, and the server knows that
        assert {} == details(check)
        return
    found = details(check)
    assert ["decoded", "left_behind", "never_used"] == list(found)
    assert found["decoded"].startswith("logical slot of postgres, is read by nobody, and keeps ")
    assert "of the log without a limit" in found["left_behind"]
    assert "physical slot, is read by nobody, and keeps nothing yet" == found["never_used"]
    with scratch(server, "postgres") as connection:
        for finding in check.findings:
            assert connection.execute((finding.verify or "").encode()).fetchall() != []
            *_, drop = (finding.fix or "").splitlines()
            connection.execute(drop.removeprefix("-- ").encode())
    assert {} == details(check_of(look(server), slug))


def test_a_slot_that_fell_behind_its_limit_is_lost_and_can_be_made_again(
    started: Callable[[Mapping[str, str]], ScratchServer],
) -> None:
    server = started({"max_slot_wal_keep_size": "1MB", "min_wal_size": "2MB", "max_wal_size": "2MB"})
    with scratch(server, "postgres") as connection:
        connection.execute("select pg_create_physical_replication_slot('left_behind', true)")
        for _ in range(6):
            switch(server)
        connection.execute("checkpoint")
        check = check_of(look(server), "inactive-replication-slot")
        [finding] = check.findings
        assert "is lost" in finding.detail
        connection.execute((finding.fix or "").encode())
        assert {} == details(check_of(look(server), "inactive-replication-slot"))
        connection.execute((finding.undo or "").encode())


def test_unsafe_settings_are_found_on_the_server_that_has_them_and_mended_by_their_fix(
    started: Callable[[Mapping[str, str]], ScratchServer],
) -> None:
    slug = "unsafe-durability-settings"
    server = started({})
    with scratch(server, "postgres") as connection:
        names = {"fsync": "off", "full_page_writes": "off", "zero_damaged_pages": "on", "synchronous_commit": "off"}
        for name, value in names.items():
            connection.execute(f"alter system set {name} = {value}".encode())
        connection.execute("select pg_reload_conf()")
        connection.execute('create role "Dr Who" login')
        connection.execute('alter role "Dr Who" in database postgres set synchronous_commit = off')
        wait_for(server, "select setting = 'off' from pg_settings where name = 'fsync'")
        check = check_of(look(server), slug)
        assert sorted([*names, "synchronous_commit"]) == [finding.object for finding in check.findings]
        # His own setting hides the server's from him, and is told all the same.
        his = check_of(look(server, "Dr Who"), slug)
        assert sorted(names) == [finding.object for finding in his.findings]
        for finding in check.findings:
            assert connection.execute((finding.verify or "").encode()).fetchall() != []
            for line in (finding.fix or "").splitlines():
                connection.execute(line.encode())
        wait_for(server, "select setting = 'on' from pg_settings where name = 'fsync'")
        assert {} == details(check_of(look(server), slug))
        for finding in check.findings:
            for line in (finding.undo or "").splitlines():
                connection.execute(line.encode())


def test_a_server_with_checksums_is_told_from_one_without(
    started: Callable[..., ScratchServer], binaries: Binaries
) -> None:
    with ScratchServer(binaries, checksums=True) as server:
        assert CheckStatus.PASS is check_of(look(server), "checksums-off").status
    without = started({})
    if without.binaries.major < 18:
        assert ["data_checksums"] == list(details(check_of(look(without), "checksums-off")))


def test_a_service_whose_storage_keeps_the_log_is_known_by_its_function(
    started: Callable[[Mapping[str, str]], ScratchServer],
) -> None:
    server = started({"allow_system_table_mods": "on", "full_page_writes": "off"})
    with scratch(server, "postgres") as connection:
        connection.execute("create function public.aurora_version() returns text language sql as $$ select '' $$")
        assert ["archive_mode"] == list(details(check_of(look(server), ARCHIVING)))
        connection.execute("create function pg_catalog.aurora_version() returns text language sql as $$ select '' $$")
    catalog = look(server)
    assert CheckStatus.SKIP is check_of(catalog, ARCHIVING).status
    assert {} == details(check_of(catalog, "unsafe-durability-settings"))


def test_the_server_that_is_here_is_judged_by_its_own_number(
    server: ScratchServer, snapshot: Callable[..., Catalog]
) -> None:
    check = check_of(snapshot(server.target()), "server-minor-outdated")
    behind = outdated(server.binaries.version)
    assert ([behind] if behind else []) == [finding.detail for finding in check.findings]


# What surrounds the database


def identity(**values: Any) -> TargetInfo:
    given = {"host": "/socket", "port": 5432, "database": "erp", "user": "auditor", "system_identifier": "7000000000"}
    return TargetInfo(**{**given, **values})


def keep_drill(log_dir: Path, days_ago: int, restorability: Verdict | None, **target: Any) -> str:
    """Keep the report of a drill, as a run would; returns its run id."""
    from dbops.model import Report

    at = NOW - dt.timedelta(days=days_ago)
    run_id = f"{at:%Y%m%dT%H%M%SZ}-abcdef"
    report = Report(
        command="drill",
        run_id=run_id,
        verdict=restorability or Verdict.PASS,
        exit_code=0,
        started_at=at,
        finished_at=at,
        duration_ms=1,
        host="h",
        target=identity(**target),
        restorability=restorability,
    )
    folder = log_dir / "backup-drill"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run_id}.json").write_text(json.dumps(report.to_json()))
    return run_id


@pytest.fixture
def surrounded(server: ScratchServer, snapshot: Callable[..., Catalog], tmp_path: Path) -> Callable[..., Catalog]:
    """Read a catalog and add what surrounds the database, kept drills below the test's directory."""

    def add(environ: Mapping[str, str] | None = None, **of_identity: Any) -> Catalog:
        around = Surroundings(environ=environ or {}, log_dir=tmp_path)
        wanted = (ClientPrograms, RestoreHistory)
        return with_surroundings(snapshot(server.target()), around, identity(**of_identity), now=NOW, wanted=wanted)

    return add


def history(catalog: Catalog) -> RestoreHistory:
    [row] = catalog.rows(RestoreHistory)
    return row


def test_no_kept_drill_is_no_proof(surrounded: Callable[..., Catalog]) -> None:
    assert RestoreHistory(None, None, 0, None) == history(surrounded())


def test_the_newest_drill_that_passed_counts_and_what_failed_since_is_told(
    surrounded: Callable[..., Catalog], tmp_path: Path
) -> None:
    keep_drill(tmp_path, 50, Verdict.PASS)
    passed = keep_drill(tmp_path, 40, Verdict.PASS)
    keep_drill(tmp_path, 3, Verdict.FAIL)
    keep_drill(tmp_path, 2, Verdict.INCONCLUSIVE)
    catalog = surrounded()
    assert RestoreHistory(40 * 86400, passed, 2, "inconclusive") == history(catalog)
    check = check_of(catalog, "drill-overdue", drill_every=Goal(dt.timedelta(days=31), declared=True))
    assert [Severity.ERROR] == [finding.severity for finding in check.findings]
    assert CheckStatus.PASS is check_of(catalog, "drill-overdue", drill_every=Goal(dt.timedelta(days=41))).status


@pytest.mark.parametrize("other", [{"database": "other"}, {"system_identifier": "8000000000"}])
def test_drills_of_other_databases_and_of_the_schema_alone_prove_nothing(
    other: dict[str, str], surrounded: Callable[..., Catalog], tmp_path: Path
) -> None:
    keep_drill(tmp_path, 2, Verdict.PASS, **other)
    keep_drill(tmp_path, 1, None)
    assert RestoreHistory(None, None, 0, None) == history(surrounded())


def test_where_the_cluster_is_not_told_the_proof_is_a_skip_with_its_grant(surrounded: Callable[..., Catalog]) -> None:
    check = check_of(surrounded(system_identifier=None), "drill-overdue")
    assert CheckStatus.SKIP is check.status
    assert "grant execute on function pg_catalog.pg_control_system() to auditor;" == check.remedy


def test_client_programs_are_those_that_a_backup_would_use(
    surrounded: Callable[..., Catalog], server: ScratchServer
) -> None:
    [programs] = surrounded(os.environ).rows(ClientPrograms)
    assert programs.version // 10000 >= server.binaries.major
    assert {"pg_dump", "pg_restore"} <= set(programs.names)
    # Over TCP the wheel's programs, which know no TLS, are not taken; that there are none is no finding of this rule.
    found = surrounded({"PATH": "/nonexistent"}, host="db.example").rows(ClientPrograms)
    assert all(one.version // 10000 >= server.binaries.major for one in found)
