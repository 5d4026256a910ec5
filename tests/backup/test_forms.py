"""Dumps in directory format, other codecs, dumps that stand still, servers that are not ready yet."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from dbops.backup.archive import Form
from dbops.backup.create import create_backup
from dbops.backup.options import BackupOptions
from dbops.connection.server import ScratchServer
from dbops.errors import ConnectionFailedError, DamageError, DbopsError, DeadlineError, UnavailableError
from dbops.evidence.run import Run
from dbops.storage.stored import StoredBackup, verify_hashes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.storage.local import LocalStore

    BackUp = Callable[..., StoredBackup]

IN_DIRECTORY = BackupOptions(form=Form(format="directory", jobs=2))


def _members(stored: StoredBackup) -> list[Path]:
    return sorted(path for path in stored.dump.iterdir() if path.name != "toc.dat")


def test_a_directory_is_published_whole_with_a_digest_for_each_file(erp: Target, back_up: BackUp) -> None:
    stored = back_up(erp, IN_DIRECTORY)
    assert stored.dump.is_dir()
    assert "directory" == stored.manifest.artifact.format
    assert {path.name for path in stored.dump.iterdir()} == {
        one.path.partition("/")[2] for one in stored.manifest.artifact.files
    }
    assert stored.bytes == sum(path.stat().st_size for path in stored.dump.iterdir())
    verify_hashes(stored)
    assert 0o700 == stored.dump.stat().st_mode & 0o777


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is GNU's")
def test_sha256sum_accepts_a_directory(erp: Target, back_up: BackUp) -> None:
    stored = back_up(erp, IN_DIRECTORY)
    command = ["sha256sum", "--check", "--strict", "--quiet", stored.beside(".sha256").name]
    assert 0 == subprocess.run(command, cwd=stored.path.parent, check=False).returncode


def _cut(stored: StoredBackup, _other: StoredBackup) -> None:
    path = _members(stored)[0]
    path.write_bytes(path.read_bytes()[:-1])


def _lose(stored: StoredBackup, _other: StoredBackup) -> None:
    _members(stored)[0].unlink()


def _take_from_another_run(stored: StoredBackup, other: StoredBackup) -> None:
    (stored.dump / "toc.dat").write_bytes((other.dump / "toc.dat").read_bytes())


def _swap(stored: StoredBackup, _other: StoredBackup) -> None:
    one, two = _members(stored)[:2]
    first = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(first)


def _add(stored: StoredBackup, other: StoredBackup) -> None:
    (stored.dump / "9999.dat.gz").write_bytes(_members(other)[0].read_bytes())


@pytest.mark.parametrize("damage", [_cut, _lose, _take_from_another_run, _swap, _add])
def test_damage_to_a_directory_is_found(damage: Any, erp: Target, run_sql: Any, back_up: BackUp) -> None:
    other = back_up(erp, IN_DIRECTORY)
    run_sql(erp, "create table later (i int)")
    stored = back_up(erp, IN_DIRECTORY)
    damage(stored, other)
    with pytest.raises(DamageError):
        verify_hashes(stored)


def test_a_directory_is_removed_with_its_backup(erp: Target, store: LocalStore, back_up: BackUp) -> None:
    stored = back_up(erp, IN_DIRECTORY)
    store.remove(stored)
    assert [] == [path.name for path in store.directory.iterdir() if ".dump" in path.name]


def test_a_directory_that_is_not_finished_leaves_nothing(
    erp: Target, store: LocalStore, back_up: BackUp, wrapped: Callable[[str, str], Path]
) -> None:
    programs = wrapped("pg_dump", '"$real" "$@"; exit 1')
    with pytest.raises(DbopsError):
        back_up(erp, BackupOptions(form=Form(format="directory", jobs=2), bindir=programs))
    assert [] == [path.name for path in store.directory.iterdir() if ".dump" in path.name]


def test_a_directory_is_restored_and_compared_as_a_file_is(erp: Target, store: LocalStore, back_up: BackUp) -> None:
    from dbops.drill.options import DrillOptions
    from dbops.drill.restore import drill_restore
    from dbops.model import TargetInfo, Verdict

    stored = back_up(erp, IN_DIRECTORY)
    source = stored.manifest.source
    identity = TargetInfo(
        host="source", port=5432, database=source.database, user="dbops", system_identifier=source.system_identifier
    )
    with Run.start("drill", store.directory.parent / "logs", "backup-drill") as run:
        drill_restore(identity, store, run, options=DrillOptions())
    assert Verdict.PASS is run.report.restorability


def test_no_compression_is_a_codec(erp: Target, back_up: BackUp) -> None:
    plain, packed = back_up(erp, BackupOptions(form=Form(codec="none"))), back_up(erp)
    assert ("none", "gzip") == (plain.manifest.artifact.codec, packed.manifest.artifact.codec)
    assert plain.bytes > packed.bytes


def test_every_codec_that_the_programs_lack_is_a_problem_told_beforehand(
    erp: Target, server: ScratchServer, store: LocalStore, tmp_path: Path
) -> None:
    if server.binaries.major >= 16:
        pytest.skip("these programs may have it")
    options = BackupOptions(form=Form(codec="zstd", jobs=3))
    with (
        pytest.raises(UnavailableError, match=r"2 problems.* knows no zstd.*jobs take the directory format") as caught,
        Run.start("backup", tmp_path / "logs", "backup") as run,
    ):
        create_backup(erp, store, run, options=options)
    assert 'codec = "gzip"' in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("form", "major", "arguments"),
    [
        (Form(), 15, ["--format=custom"]),
        (Form(), 18, ["--format=custom", "--compress=gzip"]),
        (Form(codec="zstd"), 18, ["--format=custom", "--compress=zstd"]),
        (Form(codec="none"), 15, ["--format=custom", "--compress=0"]),
        (Form(format="directory", jobs=4), 15, ["--format=directory", "--jobs=4"]),
    ],
)
def test_a_form_becomes_arguments(form: Form, major: int, arguments: list[str]) -> None:
    assert arguments == form.arguments(major)


def test_a_dump_that_stands_still_is_given_up(
    erp: Target, store: LocalStore, back_up: BackUp, wrapped: Callable[[str, str], Path]
) -> None:
    programs = wrapped("pg_dump", '"$real" "$@"; exec sleep 60')
    with pytest.raises(DeadlineError, match="written nothing for 1 s"):
        back_up(erp, BackupOptions(bindir=programs, stall=1.0))
    assert [] == [path.name for path in store.directory.iterdir() if ".dump" in path.name]


@pytest.fixture
def full(server: ScratchServer) -> Any:
    """A server with room for nobody: its only connections are taken."""
    settings = {"max_connections": "2", "superuser_reserved_connections": "1", "max_wal_senders": "0", "fsync": "off"}
    with ScratchServer(server.binaries, settings=settings) as small:
        yield small


def test_a_server_without_room_is_asked_again_before_anything_is_done(
    full: ScratchServer, store: LocalStore, back_up: BackUp
) -> None:
    import threading

    import psycopg

    target = full.target()
    taken = [psycopg.connect(target.conninfo(), autocommit=True) for _ in range(2)]
    began = time.monotonic()
    with pytest.raises(ConnectionFailedError):
        back_up(target, BackupOptions(attempts=2, pause=0.3))
    assert time.monotonic() - began >= 0.3
    leaving = threading.Timer(0.5, lambda: [one.close() for one in taken])
    leaving.start()
    stored = back_up(target, BackupOptions(attempts=20, pause=0.3))
    leaving.join()
    assert [stored] == list(store.backups())


def test_a_wrong_password_is_not_tried_again(erp: Target, back_up: BackUp, server: ScratchServer) -> None:
    began = time.monotonic()
    with pytest.raises(DbopsError):
        back_up(server.target("there is no such database"), BackupOptions(attempts=5, pause=10))
    assert time.monotonic() - began < 10


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_may_only_be_read_is_refused(tmp_path: Path) -> None:
    from dbops.storage.local import LocalStore

    directory = tmp_path / "read-only"
    directory.mkdir(mode=0o500)
    with pytest.raises(UnavailableError, match="cannot be written to"):
        LocalStore.open(directory)
