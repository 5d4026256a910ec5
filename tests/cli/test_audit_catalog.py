"""`--save-catalog` and `--catalog`: what was read once is judged again, to the byte, without a server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.session import scratch
from dbops.demo import erp as demo_erp

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Dbops, RunSql, UrlOf
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

TARGET = '"target": {"host": "h", "port": 1, "database": "d", "user": "u"}'
SAVED = f'"savedAt": "2026-01-01T00:00:00Z", {TARGET}'


def checks(report: dict[str, Any]) -> bytes:
    """The checks as they stand in the report, without the time that each took."""
    return json.dumps([{**check, "durationMs": 0} for check in report["checks"]]).encode()


def test_a_replay_gives_the_same_checks_to_the_byte(
    dbops: Dbops, erp: Target, url_of: UrlOf, server: ScratchServer
) -> None:
    with scratch(server, erp.database) as connection:
        demo_erp.break_it(connection)
    live = dbops("audit", "--packs=erp", "--database-url", url_of(erp), "--save-catalog=saved.json", "--json")
    replayed = dbops("audit", "--packs=erp", "--catalog=saved.json", "--json")
    assert (1, 1) == (live.code, replayed.code)
    assert checks(live.report) == checks(replayed.report)


def test_a_replay_needs_neither_the_server_nor_the_log_directory_nor_the_programs(
    dbops: Dbops, database: Target, url_of: UrlOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = dbops("audit", "--database-url", url_of(database), "--save-catalog=saved.json", "--json")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@/nothing?host=/nonexistent")
    replayed = dbops("audit", "--catalog=saved.json", "--json", "--log-dir=elsewhere")
    assert checks(live.report) == checks(replayed.report)


def test_a_catalog_is_saved_whole_even_when_few_rules_are_run(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    url = url_of(database)
    dbops("audit", "--database-url", url, "--select=no-primary-key", "--save-catalog=saved.json")
    live = dbops("audit", "--database-url", url, "--json", "--log-dir=other")
    replayed = dbops("audit", "--catalog=saved.json", "--json")
    assert [] == [check["check"] for check in replayed.report["checks"] if check["status"] == "error"]
    told = [[(check["check"], check["status"]) for check in one.report["checks"]] for one in (live, replayed)]
    assert told[0] == told[1]


def test_a_replay_says_that_the_database_was_not_asked_and_is_no_audit_of_it(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql
) -> None:
    url = url_of(database)
    one = ["--select=no-primary-key", "--json"]
    run_sql(database, "create table loose (a int)")
    dbops("audit", "--database-url", url, *one, "--save-catalog=saved.json")
    run_sql(database, "drop table loose; create table other (a int)")
    second = dbops("audit", "--database-url", url, *one).report
    replayed = dbops("audit", "--catalog=saved.json", *one).report
    third = dbops("audit", "--database-url", url, *one).report
    assert "the database itself was not asked" in replayed["notes"][0]
    assert second["target"]["systemIdentifier"] in replayed["notes"][0]
    assert ("saved catalog", None) == (replayed["target"]["kind"], replayed["target"]["systemIdentifier"])
    assert replayed["changes"] is None
    assert second["runId"] == third["changes"]["since"]


def test_a_saved_catalog_is_for_its_owner_alone(
    dbops: Dbops, database: Target, url_of: UrlOf, bare_environment: Path
) -> None:
    dbops("audit", "--database-url", url_of(database), "--save-catalog=saved.json")
    assert 0o600 == (bare_environment / "saved.json").stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "--catalog saved.json cannot be read: No such file or directory"),
        ("", "--catalog saved.json is not a saved catalog"),
        ("[]", "--catalog saved.json is not a saved catalog"),
        ('{"schema": "dbops/report/v1"}', "--catalog saved.json is not a saved catalog"),
        (
            f'{{"schema": "dbops/catalog/v2", {SAVED}}}',
            "this is not a saved catalog: its schema is not 'dbops/catalog/v1'",
        ),
        (
            f'{{"schema": "dbops/catalog/v1", "server": {{}}, "reads": [], {SAVED}}}',
            "this saved catalog does not fit this version of dbops",
        ),
    ],
    ids=["missing", "empty", "a list", "a report", "another version", "no server"],
)
def test_what_is_no_saved_catalog_is_refused_before_anything_is_recorded(
    dbops: Dbops, bare_environment: Path, text: str | None, says: str
) -> None:
    if text is not None:
        (bare_environment / "saved.json").write_text(text)
    answered = dbops("audit", "--catalog=saved.json")
    assert 2 == answered.code
    assert says in " ".join(answered.err.split())
    assert not (bare_environment / "logs").exists()


@pytest.mark.parametrize(
    "other",
    ["--database-url=postgresql://h/d", "--service=s", "--slow-log=l", "--save-catalog=s", "--check-privileges"],
)
def test_a_file_in_place_of_a_database_goes_with_nothing_that_needs_one(dbops: Dbops, other: str) -> None:
    answered = dbops("audit", "--catalog=saved.json", other)
    assert 2 == answered.code
    assert other.partition("=")[0] in answered.err


def test_a_place_where_nothing_can_be_saved_is_refused_before_anything_is_read(
    dbops: Dbops, bare_environment: Path
) -> None:
    answered = dbops("audit", "--database-url=postgresql://h/d", "--save-catalog=missing/saved.json")
    assert 2 == answered.code
    assert "there is no directory" in answered.err
    assert not (bare_environment / "logs").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--save-catalog=/dev/null",),
        ("--fix=/dev/stdout",),
        ("--save-catalog=one.json", "--fix=./one.json"),
        ("--baseline=one.json", "--fix=one.json"),
    ],
)
def test_nothing_takes_the_place_of_a_device_or_of_another_file_of_the_run(
    dbops: Dbops, bare_environment: Path, options: tuple[str, ...]
) -> None:
    answered = dbops("audit", "--database-url=postgresql://h/d", *options)
    assert 2 == answered.code
    assert "replace" in answered.err or "is not a place for files" in answered.err
    assert not (bare_environment / "one.json").exists()
