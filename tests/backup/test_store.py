"""Stored backups: found by their manifests, believed only when they match."""

from __future__ import annotations

import random
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.binaries import find_client
from dbops.errors import DamageError, ExitCode
from dbops.storage.stored import database_key, verify_hashes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup


@pytest.mark.parametrize("database", ["erp", "../../etc", 'a"b\nc', "-x", "UPPER", "ü" * 31, "", ".", "a/b"])
def test_a_name_is_made_of_letters_digits_and_dashes(database: str) -> None:
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]*-[0-9a-f]{8}", database_key("7001", database))


def test_two_databases_never_share_a_name() -> None:
    keys = {database_key(cluster, name) for cluster in ("1", "2") for name in ("a b", "a-b", "A-B", "a/b", "a.b")}
    assert 10 == len(keys)


def test_the_newest_backup_is_that_of_the_same_cluster_and_database(
    erp: Target, store: LocalStore, back_up: Callable[..., StoredBackup]
) -> None:
    first, second = back_up(erp), back_up(erp)
    source = second.manifest.source
    assert first.manifest.snapshot_at < second.manifest.snapshot_at
    assert second == store.newest(source.system_identifier, source.database)
    assert None is store.newest("1", source.database)
    assert None is store.newest(source.system_identifier, "another")
    assert [first, second] == list(store.history(source.system_identifier, source.database))


def test_what_is_likely_the_newest_is_told_by_the_name_alone_and_never_raises(
    erp: Target, store: LocalStore, back_up: Callable[..., StoredBackup]
) -> None:
    assert None is store.likely(erp.database)
    back_up(erp)
    second = back_up(erp)
    assert [second, None, None] == [store.likely(name) for name in (erp.database, "another", f"{erp.database}-0")]
    second.path.write_bytes(b"{")
    assert None is store.likely(erp.database)


def test_a_newest_manifest_that_cannot_be_read_is_damage_not_an_older_backup(
    erp: Target, store: LocalStore, back_up: Callable[..., StoredBackup]
) -> None:
    stored = back_up(erp)
    source = stored.manifest.source
    stored.path.write_bytes(stored.path.read_bytes()[:-20])
    with pytest.raises(DamageError, match="cannot be read"):
        store.newest(source.system_identifier, source.database)
    assert ((), 1) == (store.backups(), len(store.unusable()))


def test_a_dump_that_is_gone_is_not_listed(erp: Target, store: LocalStore, back_up: Any) -> None:
    back_up(erp).dump.unlink()
    assert ((), 1) == (store.backups(), len(store.unusable()))


def _flip(data: bytearray, place: random.Random) -> None:
    data[place.randrange(len(data))] ^= 1 << place.randrange(8)


def _cut(data: bytearray, place: random.Random) -> None:
    del data[place.randrange(len(data)) :]


def test_every_damage_to_a_dump_is_found(
    erp: Target, back_up: Callable[..., StoredBackup], record_property: Callable[[str, object], None]
) -> None:
    stored = back_up(erp)
    whole = stored.dump.read_bytes()
    version = int(stored.manifest.source.version.split(".")[0]) * 10000
    lister = find_client(version, environ={"PATH": ""}, local=True).program("pg_restore")
    place = random.Random(20260101)  # noqa: S311  (repeatable, not secret)
    listed = 0
    for damage in (_flip, _cut) * 10:
        data = bytearray(whole)
        damage(data, place)
        stored.dump.write_bytes(data)
        with pytest.raises(DamageError) as caught:
            verify_hashes(stored)
        assert ExitCode.FAIL == caught.value.exit_code
        listed += subprocess.run([lister, "--list", stored.dump], capture_output=True, check=False).returncode == 0
    record_property("damaged archives that pg_restore --list takes", f"{listed} of 20")
    assert listed > 0
    stored.dump.write_bytes(whole)
    verify_hashes(stored)


@pytest.mark.parametrize("suffix", [".list", ".roles.json", ".inventory.jsonl", ".manifest.json", ".sha256"])
def test_damage_to_any_other_file_of_a_backup_is_found(
    suffix: str, erp: Target, back_up: Callable[..., StoredBackup]
) -> None:
    stored = back_up(erp)
    path = stored.path.with_name(stored.path.name.replace(".manifest.json", suffix))
    data = bytearray(path.read_bytes())
    # Somewhere inside: in the manifest a digit of a count, which still reads as a manifest.
    at = data.index(b'"rows": ') + 8 if suffix == ".manifest.json" else len(data) // 2
    if suffix == ".sha256":
        at = len(data) - 80
    data[at] = ord("7") if data[at] != ord("7") else ord("8")
    path.write_bytes(data)
    with pytest.raises(DamageError):
        verify_hashes(stored)


def test_two_dumps_swapped_are_found(
    erp: Target, run_sql: Callable[..., object], back_up: Callable[..., StoredBackup], tmp_path: Path
) -> None:
    first = back_up(erp)
    run_sql(erp, "create table later (i int)")  # two dumps of one second and the same content would be the same
    second = back_up(erp)
    first.dump.rename(tmp_path / "aside")
    second.dump.rename(first.dump)
    (tmp_path / "aside").rename(second.dump)
    for stored in (first, second):
        with pytest.raises(DamageError):
            verify_hashes(stored)


def test_a_manifest_cannot_name_a_file_elsewhere(
    erp: Target, store: LocalStore, back_up: Callable[..., StoredBackup]
) -> None:
    stored = back_up(erp)
    name = stored.manifest.artifact.files[0].path
    stored.path.write_text(stored.path.read_text().replace(name, f"../{name}"))
    assert () == store.backups()
    with pytest.raises(DamageError, match="does not belong to it"):
        verify_hashes(store.newest(stored.manifest.source.system_identifier, stored.manifest.source.database))
