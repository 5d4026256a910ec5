"""A corpus of damage to real backups: every one is found, and how many `pg_restore --list` alone would have passed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from dbops.backup.options import BackupOptions
from dbops.backup.verify import everything, verify_backups
from dbops.connection.binaries import find_client
from dbops.errors import UsageError
from dbops.evidence.run import Run
from dbops.model import Verdict
from dbops.storage.local import LocalStore
from dbops.storage.stored import CHECKSUMS, DUMP, INVENTORY, LISTING, MANIFEST, ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.storage.stored import StoredBackup

CONTENT = """
create table customers (id int primary key, name text not null, note text);
insert into customers select i, md5(i::text), repeat(md5((i * 7)::text), 3) from generate_series(1, 4000) as i;
create table orders (id int primary key, customer int references customers, at timestamptz);
insert into orders select i, 1 + i % 4000, now() from generate_series(1, 4000) as i;
create index on orders (customer);
create view busy as select customer, count(*) from orders group by customer;
"""
SMALL = (LISTING, ROLES, INVENTORY, CHECKSUMS, MANIFEST)


class Damage(NamedTuple):
    """What is done to the copy of a backup; `bad` is which of the two backups must be found damaged."""

    name: str
    do: Callable[[Path, Path], None]
    of_dump: bool = False


def _file(manifest: Path, suffix: str) -> Path:
    return manifest.with_name(manifest.name.replace(MANIFEST, suffix))


def _edit(suffix: str, change: Callable[[bytearray], Any]) -> Callable[[Path, Path], None]:
    def do(manifest: Path, _other: Path) -> None:
        path = _file(manifest, suffix)
        data = bytearray(path.read_bytes())
        before = bytes(data)
        change(data)
        assert bytes(data) != before, "a damage that changes nothing proves nothing"
        path.write_bytes(data)

    return do


def _cut(at: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        del data[at:]

    return change


def _flip(at: int, bit: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[at] ^= 1 << bit

    return change


def _fill(at: int, length: int, byte: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[at : at + length] = bytes([byte]) * len(data[at : at + length])

    return change


def _swap_blocks(one: int, two: int, length: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        first, second = bytes(data[one : one + length]), bytes(data[two : two + length])
        data[one : one + length], data[two : two + length] = second, first

    return change


def _insert(at: int, what: bytes) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[at:at] = what

    return change


def _rewrite(manifest: Path, change: Callable[[dict[str, Any]], None], *, checksums: bool) -> None:
    before = manifest.read_bytes()
    document = json.loads(before)
    change(document)
    after = json.dumps(document, indent=1).encode() + b"\n"
    assert before != after
    manifest.write_bytes(after)
    if checksums:
        path = _file(manifest, CHECKSUMS)
        digests = [hashlib.sha256(data).hexdigest() for data in (before, after)]
        path.write_text(path.read_text().replace(*digests))


def _edited(change: Callable[[dict[str, Any]], None], *, checksums: bool) -> Callable[[Path, Path], None]:
    return lambda manifest, _: _rewrite(manifest, change, checksums=checksums)


def _exchange(suffix: str) -> Callable[[Path, Path], None]:
    def do(manifest: Path, other: Path) -> None:
        one, two = _file(manifest, suffix), _file(other, suffix)
        first, second = one.read_bytes(), two.read_bytes()
        one.write_bytes(second)
        two.write_bytes(first)

    return do


def _replace(*suffixes: str) -> Callable[[Path, Path], None]:
    def do(manifest: Path, other: Path) -> None:
        for suffix in suffixes:
            _file(manifest, suffix).write_bytes(_file(other, suffix).read_bytes())

    return do


def _replace_consistently(manifest: Path, other: Path) -> None:
    """Put another dump in its place, and make manifest and checksums say so."""
    data = _file(other, DUMP).read_bytes()
    old = hashlib.sha256(_file(manifest, DUMP).read_bytes()).hexdigest()
    new = hashlib.sha256(data).hexdigest()
    _file(manifest, DUMP).write_bytes(data)
    path = _file(manifest, CHECKSUMS)
    path.write_text(path.read_text().replace(old, new))

    def change(document: dict[str, Any]) -> None:
        document["artifact"]["files"][0].update(sha256=new, bytes=len(data))

    _rewrite(manifest, change, checksums=True)


def _remove(suffix: str) -> Callable[[Path, Path], None]:
    return lambda manifest, _: _file(manifest, suffix).unlink()


def _as(what: str) -> Callable[[Path, Path], None]:
    def do(manifest: Path, _other: Path) -> None:
        path = _file(manifest, DUMP)
        path.unlink()
        if what == "a directory":
            path.mkdir()
        elif what == "a link into nothing":
            path.symlink_to("nowhere")
        else:
            path.symlink_to("/dev/null")

    return do


def _first_table(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["tables"][0].update(changes)


EDITS: dict[str, Callable[[dict[str, Any]], None]] = {
    "a row count": _first_table(rows=1),
    "a digest": _first_table(digest="hash/all:1:1"),
    "a table left out": lambda document: document["tables"].pop(),
    "a table too many": lambda document: document["tables"].append({**document["tables"][0], "name": "x"}),
    "a younger snapshot": lambda document: document.update(snapshotAt="2035-01-01T00:00:00.000Z"),
    "another time of publication": lambda document: document.update(publishedAt="2020-01-01T00:00:00.000Z"),
    "another LSN": lambda document: document["source"].update(lsn="0/1"),
    "another version": lambda document: document["source"].update(version="14.1"),
    "another codec": lambda document: document["artifact"].update(codec="none"),
    "no sequences": lambda document: document.update(largeObjects=7),
    "another setting": lambda document: document["settings"].update(walLevel="minimal"),
    "no inventory": lambda document: document.update(inventory=None),
    "no roles": lambda document: document.update(roles=None),
}
BROKEN_NAMES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another id": lambda document: document.update(id="20200101T000000Z-abcdef"),
    "another database": lambda document: document["source"].update(database="other"),
    "another cluster": lambda document: document["source"].update(systemIdentifier="1"),
    "a path upward": lambda document: document["artifact"]["files"][0].update(path="../../etc/passwd"),
    "an absolute path": lambda document: document["artifact"]["files"][0].update(path="/etc/passwd"),
    "another schema": lambda document: document.update(schema="dbops/backup/v9"),
}


def _corpus(size: int, sizes: dict[str, int]) -> Iterator[Damage]:  # noqa: C901  (a list)
    place = random.Random(20260704)  # noqa: S311  (repeatable, not secret)
    places = [0, 1, 4, 5, 10, 50, size // 2, size - 2, size - 1, *(place.randrange(size) for _ in range(51))]
    yield from (Damage(f"cut at {at}", _edit(DUMP, _cut(at)), of_dump=True) for at in places)
    flips = [(place.randrange(size), place.randrange(8)) for _ in range(90)]
    flips += [(at, 0) for at in (0, 5, 6, 7, 8, 11, 20, size - 1)]
    yield from (Damage(f"bit {bit} of {at}", _edit(DUMP, _flip(at, bit)), of_dump=True) for at, bit in flips)
    for at in (place.randrange(size - 600) for _ in range(12)):
        yield Damage(f"a sector of zeros at {at}", _edit(DUMP, _fill(at, 512, 0)), of_dump=True)
        yield Damage(f"a byte more at {at}", _edit(DUMP, _insert(at, b"\0")), of_dump=True)
    for one, two in ((place.randrange(size // 2), size // 2 + place.randrange(size // 3)) for _ in range(8)):
        yield Damage(f"blocks {one} and {two} swapped", _edit(DUMP, _swap_blocks(one, two, 256)), of_dump=True)
    for what in (b"\0", b"\n", b"PGDMP", bytes(4096)):
        yield Damage(f"{len(what)} bytes at the end", _edit(DUMP, _insert(size, what)), of_dump=True)
    for suffix in SMALL:
        for at in (0, sizes[suffix] // 2, *(place.randrange(sizes[suffix] - 1) for _ in range(4))):
            # The checksum file may be damaged in a line that vouches for the dump, the manifest, or another file.
            yield Damage(f"{suffix}: bit 1 of {at}", _edit(suffix, _flip(at, 1)))
        yield Damage(f"{suffix} cut in half", _edit(suffix, _cut(sizes[suffix] // 2)))
        yield Damage(f"{suffix} empty", _edit(suffix, _cut(0)))
        if suffix != ROLES:  # the two have the same
            yield Damage(f"{suffix} of another backup", _replace(suffix))
            yield Damage(f"{suffix} exchanged", _exchange(suffix))
    for suffix in (DUMP, *SMALL):
        yield Damage(f"{suffix} missing", _remove(suffix))
    yield Damage("dumps exchanged", _exchange(DUMP), of_dump=True)
    yield Damage("dump of another backup", _replace(DUMP), of_dump=True)
    yield Damage("dump and checksums of another backup", _replace(DUMP, CHECKSUMS), of_dump=True)
    yield Damage("dump, checksums and manifest of another backup", _replace(DUMP, CHECKSUMS, MANIFEST), of_dump=True)
    yield Damage("another dump, manifest and checksums made to fit", _replace_consistently, of_dump=True)
    for what in ("a directory", "a link into nothing", "a link to the null device"):
        yield Damage(f"the dump is {what}", _as(what))
    for name, change in EDITS.items():
        yield Damage(f"manifest says {name}", _edited(change, checksums=False))
        yield Damage(f"manifest says {name}, checksums made to fit", _edited(change, checksums=True))
    for name, change in BROKEN_NAMES.items():
        yield Damage(f"manifest says {name}, checksums made to fit", _edited(change, checksums=True))


def test_every_damage_of_the_corpus_is_found(
    database: Target,
    run_sql: Any,
    store: LocalStore,
    back_up: Callable[..., StoredBackup],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_sql(database, CONTENT)
    other = back_up(database)
    run_sql(database, "update customers set note = 'x' where id % 2 = 0; create table later (i int)")
    stored = back_up(database)
    lister = find_client(
        int(stored.manifest.source.version.split(".")[0]) * 10000, environ=os.environ, local=True
    ).program("pg_restore")
    sizes = {suffix: _file(stored.path, suffix).stat().st_size for suffix in SMALL}
    corpus = list(_corpus(stored.dump.stat().st_size, sizes))
    missed: list[str] = []
    dumps = listed = 0
    with Run.start("backup verify", tmp_path / "logs", "backup") as run:
        assert not _found(store, stored, run)
        for number, damage in enumerate(corpus):
            copy = LocalStore(shutil.copytree(store.directory, tmp_path / f"copy-{number}"))
            manifest = copy.directory / stored.path.name
            damage.do(manifest, copy.directory / other.path.name)
            if not _found(copy, stored, run):
                missed.append(damage.name)
            if damage.of_dump:
                dumps += 1
                command = [lister, "--list", _file(manifest, DUMP)]
                listed += subprocess.run(command, capture_output=True, check=False).returncode == 0
            shutil.rmtree(copy.directory)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  {len(corpus)} damages to a backup, {len(corpus) - len(missed)} found;"
            f" of {dumps} to its dump `pg_restore --list` alone passes {listed}"
        )
    assert [] == missed
    assert len(corpus) >= 200
    assert listed > dumps // 2


def _found(store: LocalStore, stored: StoredBackup, run: Run) -> bool:
    """Tell whether looking at everything finds that one backup damaged; one that is no more is no backup either."""
    wanted = [one for one in everything(store) if one.path.name == stored.path.name]
    if wanted:
        (looked,) = verify_backups(store, wanted, run, options=BackupOptions())
        return looked.verdict is Verdict.FAIL
    with pytest.raises(UsageError):
        store.find(stored.manifest.id)
    return True
