"""Backups of a real server: what is published, and what is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from dbops.backup.create import ADVISORY_LOCK, create_backup
from dbops.backup.options import BackupOptions
from dbops.connection.binaries import find_client
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.errors import (
    DeadlineError,
    EvidenceNotKeptError,
    ExitCode,
    LockedError,
    ProgramFailedError,
    UnavailableError,
)
from dbops.evidence.run import Run
from dbops.files import locked
from dbops.model import BackupManifest, Verdict
from dbops.storage.local import LocalStore
from dbops.storage.stored import database_key, verify_hashes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.storage.stored import StoredBackup


def _visible(store: LocalStore) -> list[str]:
    """Names in the store that an operator would take for a backup or a part of one."""
    return sorted(
        path.name
        for path in store.directory.iterdir()
        if not path.name.startswith(".") and path.suffix not in {".jsonl", ".lock"}
    )


def _partials(store: LocalStore) -> list[str]:
    return sorted(path.name for path in store.directory.iterdir() if path.name.endswith(".partial"))


def _telemetry(store: LocalStore) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (store.directory / "backup-report.jsonl").read_text().splitlines()]


def _attempt(target: Target, store: LocalStore, tmp_path: Path, options: BackupOptions) -> BaseException:
    """Return the error that a backup which must not succeed ends with."""
    with (
        pytest.raises(BaseException) as caught,
        Run.start("backup", tmp_path / "logs", "backup") as run,
    ):
        create_backup(target, store, run, options=options)
    return caught.value


def test_a_backup_is_published_with_a_manifest_that_matches(
    erp: Target, back_up: Callable[..., StoredBackup], run_sql: Any
) -> None:
    stored = back_up(erp)
    manifest = stored.manifest
    verify_hashes(stored)
    (expected,) = run_sql(erp, "select count(*) from orders")
    counted = {table.name: table.rows for table in manifest.tables}
    assert expected[0] == counted["orders"]
    assert {"erp_owner", "erp_app"} <= {role["name"] for role in json.loads(_part(stored, ".roles.json"))["roles"]}
    assert "gzip" == manifest.artifact.codec
    assert erp.database == manifest.source.database


def _part(stored: StoredBackup, suffix: str) -> bytes:
    return stored.path.with_name(stored.path.name.replace(".manifest.json", suffix)).read_bytes()


def test_a_manifest_reads_back_as_it_was_written(erp: Target, store: LocalStore, tmp_path: Path) -> None:
    with Run.start("backup", tmp_path / "logs", "backup") as run:
        manifest = create_backup(erp, store, run, options=BackupOptions())
    (stored,) = store.backups()
    assert manifest == stored.manifest
    kept = BackupManifest.model_validate_json((run.directory / "manifest.json").read_bytes())
    assert manifest == kept
    assert Verdict.PASS is run.report.verdict


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is GNU's")
def test_sha256sum_accepts_a_whole_backup(erp: Target, back_up: Callable[..., StoredBackup]) -> None:
    stored = back_up(erp)
    checksums = stored.path.name.replace(".manifest.json", ".sha256")
    result = subprocess.run(
        ["sha256sum", "--check", "--strict", checksums],
        cwd=stored.path.parent,
        capture_output=True,
        check=False,
    )
    assert (0, 5) == (result.returncode, len(result.stdout.splitlines()))


def test_telemetry_has_one_line_for_each_run(
    erp: Target, store: LocalStore, back_up: Callable[..., StoredBackup]
) -> None:
    first, second = back_up(erp), back_up(erp)
    lines = _telemetry(store)
    assert [first.manifest.id, second.manifest.id] == [line["runId"] for line in lines]
    assert ["published", "published"] == [line["outcome"] for line in lines]
    assert [first.manifest.artifact.files[0].sha256] == [lines[0]["sha256"]]


def test_telemetry_goes_where_it_is_told(erp: Target, store: LocalStore, tmp_path: Path, back_up: Any) -> None:
    elsewhere = tmp_path / "telemetry.jsonl"
    back_up(erp, BackupOptions(report_path=elsewhere))
    assert 1 == len(elsewhere.read_text().splitlines())
    assert not (store.directory / "backup-report.jsonl").exists()


def test_an_empty_database_is_backed_up(database: Target, back_up: Callable[..., StoredBackup]) -> None:
    stored = back_up(database)
    verify_hashes(stored)
    assert () == stored.manifest.tables


def test_files_are_private_whatever_the_umask(erp: Target, store: LocalStore, back_up: Any) -> None:
    before = os.umask(0)
    try:
        back_up(erp)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in store.directory.iterdir()}
    assert dict.fromkeys(modes, 0o600) == modes


@pytest.mark.parametrize(
    "name", ['we/ird "" name', "../../escape", "line\nbreak", "-dash", "ünïcödé", "d" * 63, "a=b", "postgresql://x"]
)
def test_a_database_may_be_called_anything(
    server: ScratchServer, name: str, store: LocalStore, back_up: Callable[..., StoredBackup]
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    with scratch(server, "postgres") as connection:
        connection.execute(f"create database {quoted}".encode())
    try:
        stored = back_up(server.target(name))
    finally:
        with scratch(server, "postgres") as connection:
            connection.execute(f"drop database {quoted} with (force)".encode())
    assert name == stored.manifest.source.database
    assert stored.path.parent == store.directory
    verify_hashes(stored)


def test_tables_may_be_called_anything(database: Target, run_sql: Any, back_up: Any) -> None:
    run_sql(database, 'create schema "s "" x"; create table "s "" x"."-t\n"" é" (i int); create table t (t text)')
    run_sql(database, 'insert into "s "" x"."-t\n"" é" values (1), (2); insert into t values (\'t\')')
    stored = back_up(database)
    assert {("public", "t"): 1, ('s " x', '-t\n" é'): 2} == {
        (table.schema_, table.name): table.rows for table in stored.manifest.tables
    }


def test_the_backup_is_of_one_moment(database: Target, run_sql: Any, wrapped: Any, back_up: Any) -> None:
    """Rows that arrive after the snapshot are neither counted nor dumped."""
    run_sql(database, "create table t (i int); insert into t select generate_series(1, 10)")
    late = f"$psql -d '{database.conninfo()}' -c 'insert into t select generate_series(1, 90)' >/dev/null"
    stored = back_up(database, BackupOptions(bindir=wrapped("pg_dump", f'{late}\nexec "$real" "$@"')))
    assert [10] == [table.rows for table in stored.manifest.tables]
    assert (10, 100) == (_dumped_rows(stored), run_sql(database, "select count(*) from t")[0][0])


def _dumped_rows(stored: StoredBackup) -> int:
    """Return how many rows of one integer column an archive holds."""
    version = int(stored.manifest.source.version.split(".")[0]) * 10000
    program = find_client(version, environ=os.environ, local=True).program("pg_restore")
    command = [program, "--data-only", "--file=-", stored.dump]
    text = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return sum(line.isdigit() for line in text.splitlines())


def test_truncate_waits_for_the_dump(
    database: Target, run_sql: Any, wrapped: Any, back_up: Any, tmp_path: Path
) -> None:
    """TRUNCATE ignores snapshots: without a lock of ours, what was counted would be dumped empty."""
    run_sql(database, "create table t (i int); insert into t select generate_series(1, 10)")
    said = tmp_path / "said"
    truncate = f"$psql -d '{database.conninfo()}' -c 'set lock_timeout = 200' -c 'truncate t' 2>{said}"
    back_up(database, BackupOptions(bindir=wrapped("pg_dump", f'{truncate}\nexec "$real" "$@"')))
    assert "lock timeout" in said.read_text()


def test_a_sequence_that_moves_during_the_dump_is_recorded_at_both_ends(
    database: Target, run_sql: Any, wrapped: Any, back_up: Any
) -> None:
    run_sql(database, "create sequence still; create sequence moving; select nextval('still'), nextval('moving')")
    move = f"$psql -d '{database.conninfo()}' -c \"select nextval('moving')\" >/dev/null"
    stored = back_up(database, BackupOptions(bindir=wrapped("pg_dump", f'{move}\nexec "$real" "$@"')))
    states = {one.name: (one.last_value, one.moved_to) for one in stored.manifest.sequences}
    assert {"still": (1, None), "moving": (1, 2)} == states


FAULTS = {
    "pg_dump fails": ("pg_dump", '"$real" "$@"; echo "pg_dump: error: the disk is gone" >&2; exit 1'),
    "pg_dump is killed": ("pg_dump", '"$real" "$@"; kill -9 $$'),
    "pg_dump says what nobody knows": ("pg_dump", '"$real" "$@"; echo "something odd" >&2; exit 0'),
    "pg_dump writes nothing": ("pg_dump", "exit 0"),
    "pg_dump writes half of it": (
        "pg_dump",
        """for a in "$@"; do case $a in --file=*) f=${a#--file=};; esac; done
        "$real" "$@"
        size=$(wc -c <"$f"); head -c $((size * 2 / 3)) "$f" >"$f.half"; cat "$f.half" >"$f"; rm "$f.half"; exit 0""",
    ),
    "a row changes after it was decoded": (
        "pg_dump",
        """for a in "$@"; do case $a in --file=*) f=${a#--file=};; esac; done
        "$real" "$@"
        sleep 0.3; size=$(wc -c <"$f")
        printf 'no zlib here' | dd of="$f" bs=1 seek=$((size - 40)) conv=notrunc 2>/dev/null; exit 0""",
    ),
    "pg_restore fails": ("pg_restore", "exit 1"),
    "pg_restore crashes": ("pg_restore", "kill -SEGV $$"),
}
# dbops says it of these, or pg_restore does where it has not seen the bytes that were there before.
CHANGED = {"pg_dump writes half of it", "a row changes after it was decoded"}


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_published_when(
    fault: str, erp: Target, store: LocalStore, tmp_path: Path, wrapped: Callable[[str, str], Path]
) -> None:
    options = BackupOptions(bindir=wrapped(*FAULTS[fault]))
    error = _attempt(erp, store, tmp_path, options)
    changed = fault in CHANGED and "has changed since it was written" in str(error)
    assert changed or isinstance(error, ProgramFailedError)
    assert ([], [], ()) == (_visible(store), _partials(store), store.backups())
    (line,) = _telemetry(store)
    assert ("failed", int(ExitCode.UNABLE), None) == (line["outcome"], line["exitCode"], line["sha256"])


def test_a_backup_that_takes_too_long_is_ended(
    erp: Target, store: LocalStore, tmp_path: Path, wrapped: Callable[[str, str], Path]
) -> None:
    options = BackupOptions(bindir=wrapped("pg_dump", "exec sleep 60"), deadline=2.0)
    error = _attempt(erp, store, tmp_path, options)
    assert isinstance(error, DeadlineError)
    assert ([], []) == (_visible(store), _partials(store))


def test_a_second_run_is_turned_away_at_once(erp: Target, store: LocalStore, tmp_path: Path, back_up: Any) -> None:
    source = back_up(erp).manifest.source
    key = database_key(source.system_identifier, source.database)
    with locked(store.directory / f".{key}.lock", holder="backup of the night"):
        error = _attempt(erp, store, tmp_path, BackupOptions())
    assert isinstance(error, LockedError)
    assert ExitCode.LOCKED == error.exit_code
    assert "backup of the night" in error.message
    assert ["published", "locked"] == [line["outcome"] for line in _telemetry(store)]


def test_a_run_from_another_machine_is_turned_away_too(
    server: ScratchServer, erp: Target, store: LocalStore, tmp_path: Path
) -> None:
    with scratch(server, erp.database) as other:
        other.execute("select pg_advisory_lock(%s)", [ADVISORY_LOCK])
        error = _attempt(erp, store, tmp_path, BackupOptions())
    assert isinstance(error, LockedError)


def test_what_a_killed_run_left_is_swept_when_it_is_old(
    erp: Target, store: LocalStore, back_up: Callable[..., StoredBackup]
) -> None:
    source = back_up(erp).manifest.source
    key = database_key(source.system_identifier, source.database)
    names = {"old": f".{key}-20200101T000000Z-aaaaaa.dump.partial", "orphan": f"{key}-20200101T000000Z-aaaaaa.dump"}
    names["young"] = f".{key}-20200101T000000Z-bbbbbb.dump.partial"
    names["foreign"] = ".other-00000000-20200101T000000Z-aaaaaa.dump.partial"
    for name in names.values():
        (store.directory / name).touch()
    for what in ("old", "orphan", "foreign"):
        os.utime(store.directory / names[what], (0, 0))
    back_up(erp)
    left = {what for what, name in names.items() if (store.directory / name).exists()}
    assert ({"young", "foreign"}, 2) == (left, len(store.backups()))


def test_every_problem_is_told_at_once(server: ScratchServer, erp: Target, store: LocalStore, tmp_path: Path) -> None:
    with scratch(server, erp.database) as connection:
        connection.execute("create role no_rights login")
    try:
        error = _attempt(server.target(erp.database, user="no_rights"), store, tmp_path, BackupOptions())
    finally:
        with scratch(server, erp.database) as connection:
            connection.execute("drop role no_rights")
    assert isinstance(error, UnavailableError)
    assert "may not read" in error.message
    assert "row-level security would hide rows" in error.message
    assert 'grant pg_read_all_data to "no_rights"' in (error.hint or "")
    assert 'alter role "no_rights" bypassrls' in (error.hint or "")
    assert [] == _visible(store)


def test_a_role_that_reads_everything_is_enough(
    server: ScratchServer, erp: Target, back_up: Callable[..., StoredBackup]
) -> None:
    with scratch(server, erp.database) as connection:
        connection.execute("create role backs_up login bypassrls; grant pg_read_all_data to backs_up")
    try:
        stored = back_up(server.target(erp.database, user="backs_up"))
    finally:
        with scratch(server, erp.database) as connection:
            connection.execute("drop role backs_up")
    verify_hashes(stored)


def test_large_objects_that_cannot_be_read_are_refused(
    server: ScratchServer, database: Target, store: LocalStore, tmp_path: Path
) -> None:
    with scratch(server, database.database) as connection:
        connection.execute("create role reads_rows login bypassrls; grant pg_read_all_data to reads_rows")
        connection.execute("select lo_create(0)")
    try:
        error = _attempt(server.target(database.database, user="reads_rows"), store, tmp_path, BackupOptions())
    finally:
        with scratch(server, database.database) as connection:
            connection.execute("drop role reads_rows")
    assert isinstance(error, UnavailableError)
    assert "1 of 1 large object" in error.message


def test_no_secret_is_on_an_argument_list_or_in_what_is_kept(
    server: ScratchServer, store: LocalStore, tmp_path: Path, wrapped: Callable[[str, str], Path]
) -> None:
    secret = "c4nary'pass:word\\"
    seen = tmp_path / "seen"
    programs = wrapped("pg_dump", f'echo "$@" >{seen}; env >>{seen}; exec "$real" "$@"')
    with ScratchServer(server.binaries, settings={"fsync": "off"}, auth="scram-sha-256") as guarded:
        with scratch(guarded, "postgres") as connection:
            connection.execute(b"create role dumper superuser login password 'c4nary''pass:word\\'")
        guarded.set_password("dumper", secret)
        with Run.start("backup", tmp_path / "logs", "backup") as run:
            create_backup(guarded.target("postgres", user="dumper"), store, run, options=BackupOptions(bindir=programs))
    kept = [path for path in (*tmp_path.rglob("*"), *store.directory.rglob("*")) if path.is_file()]
    assert "--format=custom" in seen.read_text()
    assert [] == [path for path in kept if b"c4nary" in path.read_bytes()]


def test_a_store_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "open"
    directory.mkdir()
    directory.chmod(0o777)
    (tmp_path / "link").symlink_to(directory)
    for path in (directory, tmp_path / "link"):
        with pytest.raises(UnavailableError):
            LocalStore.open(path)


def test_telemetry_that_cannot_be_kept_is_an_error(erp: Target, store: LocalStore, tmp_path: Path) -> None:
    (store.directory / "backup-report.jsonl").symlink_to(tmp_path / "elsewhere")
    error = _attempt(erp, store, tmp_path, BackupOptions())
    assert isinstance(error, EvidenceNotKeptError)
    assert () == store.backups()


def test_telemetry_that_has_no_place_is_told_before_the_dump(erp: Target, store: LocalStore, tmp_path: Path) -> None:
    error = _attempt(erp, store, tmp_path, BackupOptions(report_path=tmp_path / "missing" / "report.jsonl"))
    assert isinstance(error, EvidenceNotKeptError)
    assert () == store.backups()
