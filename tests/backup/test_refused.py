"""What makes a backup impossible: told clearly, with the right exit code, and nothing left under a final name."""

from __future__ import annotations

import errno
import json
import os
import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from dbops import __version__
from dbops.backup import preflight
from dbops.backup.create import create_backup
from dbops.backup.options import BackupOptions
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.errors import DbopsError, EvidenceNotKeptError, ExitCode, UnavailableError
from dbops.evidence.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.storage.local import LocalStore


def _attempt(target: Target, store: LocalStore, tmp_path: Path, options: BackupOptions | None = None) -> DbopsError:
    """Return the error of a backup that must fail; nothing may be left that could be taken for one."""
    with pytest.raises(DbopsError) as caught, Run.start("backup", tmp_path / "logs", "backup") as run:
        create_backup(target, store, run, options=options or BackupOptions())
    assert [] == [path.name for path in store.directory.iterdir() if ".dump" in path.name or "manifest" in path.name]
    return caught.value


def _telemetry(store: LocalStore) -> list[tuple[str, int]]:
    lines = (store.directory / "backup-report.jsonl").read_text().splitlines()
    return [(line["outcome"], line["exitCode"]) for line in map(json.loads, lines)]


def test_a_table_that_somebody_has_locked(
    server: ScratchServer, database: Target, run_sql: Any, store: LocalStore, tmp_path: Path
) -> None:
    run_sql(database, "create table t (i int)")
    with scratch(server, database.database) as other:
        other.execute("begin; lock table t in access exclusive mode")
        error = _attempt(database, store, tmp_path, BackupOptions(lock_wait=0.3))
    assert ExitCode.UNABLE == error.exit_code
    assert "lock" in error.message
    assert "public.t is locked by process " in (error.hint or "")
    assert f"(dbops/{__version__} of {server.superuser}, idle in transaction for 0 s)" in (error.hint or "")
    assert [("failed", 3)] == _telemetry(store)


def test_a_lock_taken_between_ours_and_that_of_pg_dump(
    server: ScratchServer, database: Target, run_sql: Any, store: LocalStore, tmp_path: Path, wrapped: Any
) -> None:
    """Somebody waits for an exclusive lock behind ours; pg_dump would queue up behind them, for ever."""
    run_sql(database, "create table t (i int)")
    lock = "-c begin -c 'lock table t in access exclusive mode'"
    queue = f"$psql -d '{database.conninfo()}' {lock} >/dev/null 2>&1 &\nwaiting=$!; sleep 0.5"
    programs = wrapped("pg_dump", f'{queue}\n"$real" "$@"\ncode=$?; kill $waiting; exit $code')
    error = _attempt(database, store, tmp_path, BackupOptions(bindir=programs, lock_wait=0.5))
    assert "pg_dump ended with exit code 1" in error.message
    assert "look at pg_locks" in (error.hint or "")


def test_an_owner_who_is_subject_to_row_level_security(
    server: ScratchServer, database: Target, run_sql: Any, store: LocalStore, tmp_path: Path
) -> None:
    run_sql(database, "create role owns login; create table t (i int); alter table t owner to owns")
    run_sql(database, "alter table t enable row level security; alter table t force row level security")
    try:
        error = _attempt(server.target(database.database, user="owns"), store, tmp_path)
    finally:
        run_sql(database, "drop owned by owns; drop role owns")
    assert "row-level security would hide rows of 1 table or sequence (public.t)" in error.message
    assert 'alter role "owns" bypassrls' in (error.hint or "")


def test_client_programs_that_are_too_old(erp: Target, store: LocalStore, tmp_path: Path) -> None:
    programs = tmp_path / "old"
    programs.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) 12.22"\n')
        (programs / name).chmod(0o755)
    error = _attempt(erp, store, tmp_path, BackupOptions(bindir=programs))
    assert ExitCode.UNABLE == error.exit_code
    assert "12" in error.message
    assert [("failed", 3)] == _telemetry(store)


def test_a_disk_without_room_for_the_dump(
    erp: Target, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "shutil", SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=1 << 20)))
    error = _attempt(erp, store, tmp_path)
    assert "1 MiB free and at least" in error.message
    assert "--backup-dir" in (error.hint or "")


def test_a_disk_that_fills_up_before_the_telemetry(
    erp: Target, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup is there and whole; that its line is not is an error of its own, after which nothing is pruned."""
    from dbops.backup import telemetry

    def full(*_: Any, **__: Any) -> None:
        raise EvidenceNotKeptError(f"cannot write: {os.strerror(errno.ENOSPC)}")

    monkeypatch.setattr(telemetry, "append_line", full)
    with pytest.raises(EvidenceNotKeptError) as caught, Run.start("backup", tmp_path / "logs", "backup") as run:
        create_backup(erp, store, run, options=BackupOptions())
    assert ExitCode.EVIDENCE_NOT_KEPT == caught.value.exit_code
    assert 1 == len(store.backups())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
def test_a_server_that_dies_during_the_dump(
    number: int, server: ScratchServer, store: LocalStore, tmp_path: Path, wrapped: Callable[[str, str], Path]
) -> None:
    with ScratchServer(server.binaries, settings={"fsync": "off"}) as dying:
        with scratch(dying, "postgres") as connection:
            connection.execute("create table t as select i from generate_series(1, 100000) as i")
        programs = wrapped("pg_dump", f'kill -{int(number)} {dying.pid}; sleep 0.5; exec "$real" "$@"')
        error = _attempt(dying.target(), store, tmp_path, BackupOptions(bindir=programs))
    assert isinstance(error, UnavailableError)
    assert [("failed", 3)] == _telemetry(store)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_may_only_be_read(erp: Target, store: LocalStore, tmp_path: Path) -> None:
    store.directory.chmod(0o500)
    try:
        error = _attempt(erp, store, tmp_path)
    finally:
        store.directory.chmod(0o700)
    # What ended the run is told, not that its line could not be written either.
    assert isinstance(error, UnavailableError)
    assert "Permission denied" in error.message
