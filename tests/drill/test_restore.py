"""Drills of real backups: what is restored, compared, measured, and what does not pass."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.connection.binaries import find_embedded, find_server
from dbops.connection.registry import sweep
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.drill.options import DrillOptions
from dbops.drill.restore import drill_restore
from dbops.errors import ExitCode, UnavailableError
from dbops.evidence.run import Run
from dbops.model import CheckStatus, ObjectiveStatus, Report, TargetInfo, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]
    Drill = Callable[..., Report]


def _findings(report: Report) -> dict[str, list[str]]:
    return {check.check: [one.object for one in check.findings] for check in report.checks if check.findings}


def _objective(report: Report, which: str) -> ObjectiveStatus:
    return next(one.status for one in report.objectives if one.id == which)


def test_the_erp_is_restored_whole_and_in_time_and_its_listing_kept(erp: Target, back_up: BackUp, drill: Drill) -> None:
    report = drill(back_up(erp))
    assert {} == _findings(report)
    assert (Verdict.PASS, Verdict.PASS, 0) == (report.restorability, report.verdict, report.exit_code)
    assert ObjectiveStatus.MET is _objective(report, "rto")
    assert {CheckStatus.PASS} == {check.status for check in report.checks}
    assert f"{report.run_id}/contents.list" in {artifact.path for artifact in report.artifacts}
    scopes = {check.check: check.scope for check in report.checks}
    for name in ("row-counts", "row-digests"):
        rows = scopes[name]
        assert rows is not None
        assert (19, 19) == (rows.checked, rows.total)


def test_the_recovery_time_is_the_sum_of_its_phases_and_what_is_declared(
    erp: Target, back_up: BackUp, drill: Drill
) -> None:
    allowances = {"detect": dt.timedelta(minutes=5), "decide": dt.timedelta(minutes=10)}
    report = drill(back_up(erp), DrillOptions(allowances=allowances, rto=dt.timedelta(minutes=15)))
    rto = next(one for one in report.objectives if one.id == "rto")
    phases = {step.name: step.duration_ms for step in report.steps if step.name in rto.inputs}
    assert {"verify hash", "provision", "restore/data", "restore/post-data", "first query"} <= phases.keys()
    assert sum(phases.values()) + 15 * 60_000 == rto.value_ms
    assert (ObjectiveStatus.MISSED, 1) == (rto.status, report.exit_code)


def test_what_restores_trip_over_comes_back(nasty: Target, back_up: BackUp, drill: Drill) -> None:
    """Owners, grants by third parties, policies, partitions, materialized views, odd names: see nasty.sql."""
    report = drill(back_up(nasty))
    # A superuser had filled them; their owner, to whom a policy applies, sees fewer rows.
    views = ["app.mv_on_mv", "app.mv_tenants"]
    # And a pg_restore without further care leaves them empty.
    assert {"materialized-views": views, "plain-restore": views} == {
        check: sorted(objects) for check, objects in _findings(report).items()
    }
    assert (Verdict.PASS, Verdict.PASS) == (report.restorability, report.verdict)
    told = "\n".join(report.not_tested)
    assert "function app.f_leakproof: only superuser can define a leakproof function" in told
    assert "n_creator in pg_execute_server_program" in told
    assert "user mappings" in told


def test_a_superuser_restores_what_nobody_else_can_and_that_is_on_record(
    nasty: Target, back_up: BackUp, drill: Drill
) -> None:
    report = drill(back_up(nasty), DrillOptions(as_superuser=True))
    if report.problem and "network namespace" in report.problem.message:
        pytest.skip("no network namespace can be had here, and without one it is refused")
    assert {"materialized-views", "plain-restore"} == _findings(report).keys()
    assert Verdict.PASS is report.restorability
    assert any(note.startswith("--as-superuser: text of the archive ran as superuser") for note in report.notes)
    told = "\n".join(report.not_tested)
    assert "f_leakproof" not in told
    assert "user mappings" in told


OF_OTHERS = """
create role monitor; create role app;
create extension postgres_fdw; create extension dblink; create extension pgstattuple; create extension hstore;
grant usage on foreign data wrapper postgres_fdw to app;
grant execute on function pgstattuple(text) to monitor;
revoke all on function dblink_connect(text) from public;
grant execute on function pg_catalog.pg_read_file(text) to monitor;
grant select on pg_catalog.pg_authid to monitor;
revoke usage on language plpgsql from public;
revoke all on type hstore from public;
create access method also_heap type table handler heap_tableam_handler;
create table t (i int primary key, n text) using also_heap;
insert into t select i, i from generate_series(1, 100) as i;
create cast (text as bytea) without function;
"""


def test_what_only_a_superuser_could_give_is_told_and_fails_nothing(back_up: BackUp, drill: Drill) -> None:
    """Rights to functions of extensions and of PostgreSQL itself, an access method, a cast between built-in types."""
    with ScratchServer(find_server(None, environ=os.environ), settings={"fsync": "off"}) as server:
        with scratch(server, "postgres") as connection:
            connection.execute("create database d")
        with scratch(server, "d") as connection:
            connection.execute(OF_OTHERS.encode())
        stored = back_up(server.target("d"))
    report = drill(stored)
    assert (Verdict.PASS, {}) == (report.restorability, _findings(report))
    told = "\n".join(report.not_tested)
    for what in ("FOREIGN DATA WRAPPER postgres_fdw", "pg_catalog.pg_read_file", "public.pgstattuple"):
        assert what in told
    assert "also_heap" in told


@pytest.mark.skipif(find_embedded() is None, reason="the embedded server is not installed")
def test_a_newer_server_can_be_named(server: ScratchServer, nasty: Target, back_up: BackUp, drill: Drill) -> None:
    embedded = find_embedded()
    assert embedded is not None
    if embedded.major == server.binaries.major:
        pytest.skip("the embedded server is what the tests run on")
    report = drill(back_up(nasty), DrillOptions(target_bindir=embedded.directory))
    assert {"materialized-views", "plain-restore"} == _findings(report).keys()
    assert any("names are compared, definitions and rights are not" in note for note in report.notes)


def test_an_empty_database_is_restored(database: Target, back_up: BackUp, drill: Drill) -> None:
    report = drill(back_up(database))
    assert (Verdict.PASS, {}) == (report.restorability, _findings(report))


def test_a_database_of_a_strange_name_is_restored(server: ScratchServer, back_up: BackUp, drill: Drill) -> None:
    with psycopg.connect(server.target().conninfo(), autocommit=True) as connection:
        connection.execute('create database "dbname=x \'"" \n y"')
    report = drill(back_up(server.target("dbname=x '\" \n y")))
    with psycopg.connect(server.target().conninfo(), autocommit=True) as connection:
        connection.execute('drop database "dbname=x \'"" \n y" with (force)')
    assert (Verdict.PASS, {}) == (report.restorability, _findings(report))


def test_a_database_of_another_encoding_is_restored(back_up: BackUp, drill: Drill) -> None:
    """Names of roles, schemas and tables are kept in the bytes of the encoding they were created under."""
    with ScratchServer(find_server(None, environ=os.environ), settings={"fsync": "off"}) as server:
        with scratch(server, "postgres") as connection:
            connection.execute("create database d template template0 encoding 'LATIN1' locale 'C'")
        with scratch(server, "d") as connection:
            connection.execute(
                'create role "gréta"; create schema "ö" authorization "gréta"; create table "ö"."tablé" (n text);'
                """insert into "ö"."tablé" values ('ä'); grant select on "ö"."tablé" to "gréta" """
            )
        stored = back_up(server.target("d"))
    report = drill(stored)
    assert (Verdict.PASS, {}) == (report.restorability, _findings(report))


def test_rows_written_during_the_backup_make_no_difference(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill
) -> None:
    run_sql(database, "create table t (id serial primary key, at timestamptz default now())")
    run_sql(database, "insert into t (at) select now() from generate_series(1, 20000)")
    enough = threading.Event()

    def write() -> None:
        with psycopg.connect(database.conninfo(), autocommit=True) as connection:
            while not enough.wait(0.001):
                connection.execute("insert into t default values")
                connection.execute("delete from t where id = (select min(id) from t)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        stored = back_up(database)
    finally:
        enough.set()
        writer.join()
    report = drill(stored)
    assert (Verdict.PASS, {}) == (report.restorability, _findings(report))


def _edit_manifest(stored: StoredBackup, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest and the checksum that vouches for it, as whoever can write to the store could.

    The evidence, which tells at once, is kept elsewhere.
    """
    sealed = stored.path.parents[1] / "logs" / "backup" / stored.manifest.id / "manifest.json"
    sealed.unlink(missing_ok=True)
    before = stored.path.read_bytes()
    document = json.loads(before)
    edit(document)
    after = json.dumps(document).encode()
    stored.path.write_bytes(after)
    checksums = stored.path.with_name(stored.path.name.replace(".manifest.json", ".sha256"))
    digests = [hashlib.sha256(data).hexdigest() for data in (before, after)]
    checksums.write_text(checksums.read_text().replace(*digests))


def test_one_row_too_many_is_a_difference(erp: Target, back_up: BackUp, drill: Drill) -> None:
    stored = back_up(erp)

    def one_more(document: dict[str, Any]) -> None:
        next(table for table in document["tables"] if table["name"] == "customers")["rows"] += 1

    _edit_manifest(stored, one_more)
    report = drill(stored)
    assert {"row-counts": ["public.customers"]} == _findings(report)
    assert (Verdict.FAIL, ExitCode.FAIL) == (report.restorability, report.exit_code)
    assert ObjectiveStatus.NOT_MEASURED is _objective(report, "rto")


def test_a_table_that_is_not_there_and_a_sequence_elsewhere_are_differences(
    erp: Target, back_up: BackUp, drill: Drill
) -> None:
    stored = back_up(erp)

    def edit(document: dict[str, Any]) -> None:
        document["tables"].append({**document["tables"][0], "name": "gone"})
        document["sequences"][0]["lastValue"] += 1

    _edit_manifest(stored, edit)
    report = drill(stored)
    assert {"row-counts", "sequences"} == _findings(report).keys()
    assert ["public.gone"] == _findings(report)["row-counts"]


def test_other_values_are_a_difference_where_counts_agree(erp: Target, back_up: BackUp, drill: Drill) -> None:
    stored = back_up(erp)

    def other_values(document: dict[str, Any]) -> None:
        table = next(table for table in document["tables"] if table["name"] == "customers")
        table["digest"] = table["digest"][:-1] + ("1" if table["digest"][-1] != "1" else "2")

    _edit_manifest(stored, other_values)
    report = drill(stored)
    assert {"row-digests": ["public.customers"]} == _findings(report)
    assert (Verdict.FAIL, ExitCode.FAIL) == (report.restorability, report.exit_code)


def test_a_backup_under_concurrent_writes_has_the_digests_of_its_copy(
    erp: Target, run_sql: Any, back_up: BackUp, drill: Drill
) -> None:
    """Writers commit all the while; what was read beside the dump is what was dumped."""
    ended = threading.Event()
    rounds: list[int] = []

    def write() -> None:
        while not ended.is_set():
            run_sql(erp, "update orders set placed_at = placed_at + interval '1 s' where id % 7 = 0")
            run_sql(erp, "update customers set name = name || '.' where id % 5 = 0")
            rounds.append(1)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not rounds:
            time.sleep(0.01)
        stored = back_up(erp)
        ended.set()
        writing.result()
    report = drill(stored)
    assert len(rounds) > 2
    assert ({}, Verdict.PASS) == (_findings(report), report.restorability)
    digests = next(check for check in report.checks if check.check == "row-digests")
    assert digests.scope is not None
    assert digests.scope.total == digests.scope.checked


def test_a_flipped_bit_is_found_before_any_parser_sees_the_archive(
    erp: Target, back_up: BackUp, drill: Drill, tmp_path: Path
) -> None:
    stored = back_up(erp)
    data = bytearray(stored.dump.read_bytes())
    data[len(data) // 2] ^= 1
    stored.dump.write_bytes(data)
    report = drill(stored)
    # A server is made meanwhile, and sees nothing of it.
    assert {"find backup", "provision/server", "verify hash"} == {step.name for step in report.steps}
    assert (Verdict.FAIL, ExitCode.FAIL) == (report.restorability, report.exit_code)
    assert ObjectiveStatus.NOT_MEASURED is _objective(report, "rto")


def test_a_dump_that_does_not_restore_fails(database: Target, run_sql: Any, back_up: BackUp, drill: Drill) -> None:
    """A function that finds its helper only through search_path, in an index: pg_dump is content, no restore is."""
    run_sql(
        database,
        "create function helper(t text) returns text immutable language sql as 'select lower(t)';"
        "create function key(t text) returns text immutable language plpgsql as 'begin return helper(t); end';"
        "create table t (name text); insert into t values ('x'); create index t_key on t (key(name))",
    )
    report = drill(back_up(database))
    assert {"restore-errors", "restore-differs"} == _findings(report).keys()
    assert ["index public.t.t_key"] == _findings(report)["restore-differs"]
    assert (Verdict.FAIL, ExitCode.FAIL) == (report.restorability, report.exit_code)


def test_values_of_rows_are_not_in_the_evidence(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill, tmp_path: Path
) -> None:
    """A CHECK that holds no longer: COPY fails and quotes the row in its context."""
    run_sql(
        database,
        "create table limits (most int); insert into limits values (1);"
        "create function most() returns int stable language sql as 'select coalesce(max(most), 0) from public.limits';"
        "create table t (n int, who text, check (n <= public.most())); insert into t values (1, 'canary-in-a-row');"
        "update limits set most = 0",
    )
    report = drill(back_up(database))
    assert Verdict.FAIL is report.restorability
    kept = [path for path in (tmp_path / "logs").rglob("*") if path.is_file()]
    assert [] == [path for path in kept if b"canary-in-a-row" in path.read_bytes()]


def test_without_a_backup_nothing_is_drilled(store: LocalStore, tmp_path: Path) -> None:
    identity = TargetInfo(host="h", port=5432, database="erp", user="u", system_identifier="7001")
    with pytest.raises(UnavailableError) as caught, Run.start("drill", tmp_path / "logs", "backup-drill") as run:
        drill_restore(identity, store, run, options=DrillOptions())
    assert "dbops backup" in (caught.value.hint or "")
    assert (Verdict.INCONCLUSIVE, ExitCode.UNABLE) == (caught.value.report.verdict, caught.value.report.exit_code)


def test_without_server_programs_the_drill_is_inconclusive(
    erp: Target, back_up: BackUp, drill: Drill, tmp_path: Path
) -> None:
    report = drill(back_up(erp), DrillOptions(target_bindir=tmp_path))
    assert (Verdict.INCONCLUSIVE, ExitCode.UNABLE) == (report.restorability, report.exit_code)


def test_an_extension_that_is_not_here_leaves_the_drill_inconclusive(
    erp: Target, back_up: BackUp, drill: Drill
) -> None:
    stored = back_up(erp)
    unknown = {"name": "no_such_extension", "schema": "public", "version": "1.0"}
    _edit_manifest(stored, lambda document: document["extensions"].append(unknown))
    report = drill(stored)
    assert report.problem is not None
    assert "no_such_extension" in report.problem.message
    assert (Verdict.INCONCLUSIVE, ExitCode.UNABLE) == (report.restorability, report.exit_code)


def test_a_drill_that_takes_too_long_leaves_nothing_behind(erp: Target, back_up: BackUp, drill: Drill) -> None:
    report = drill(back_up(erp), DrillOptions(deadline=1.0))
    assert (Verdict.INCONCLUSIVE, ExitCode.UNABLE) == (report.verdict, report.exit_code)
    assert [] == sweep()
