"""An archive that several programs read at once is read whole, and damage in any part of it is found."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from dbops.backup import reading
from dbops.backup.archive import Archiver
from dbops.backup.options import BackupOptions
from dbops.backup.reading import deal, read_whole
from dbops.connection.binaries import find_client
from dbops.connection.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.process import Completed
    from dbops.connection.target import Target
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]

LISTING = """;
; Archive created at 2026-07-04 02:00:00 UTC
;
215; 1259 16385 TABLE DATA odd owner
216; 0 16385 TABLE DATA public large owner
217; 0 16390 TABLE DATA public small owner
218; 0 16395 TABLE DATA public medium owner
219; 2606 16400 CONSTRAINT public large large_pkey owner
"""
PAGES = {16385: 100, 16390: 1, 16395: 60}


def ids(hand: str) -> list[int]:
    return [int(line.rstrip(";")) for line in hand.splitlines()]


@pytest.mark.parametrize("programs", [1, 2, 3, 4, 9])
def test_every_entry_is_dealt_to_exactly_one_program(programs: int) -> None:
    hands = [ids(hand) for hand in deal(LISTING, PAGES, programs)]
    assert [215, 216, 217, 218, 219] == sorted(one for hand in hands for one in hand)
    assert hands == [sorted(hand) for hand in hands]
    assert [] not in hands


def test_the_largest_tables_are_dealt_to_different_programs() -> None:
    first, second = (ids(hand) for hand in deal(LISTING, PAGES, 2))
    assert (True, True) == (216 in first, 218 in second)


@pytest.fixture
def by_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WORTH_ANOTHER", 1)
    monkeypatch.setattr(reading, "_cores", lambda: 3)


@pytest.fixture
def archiver(tmp_path: Path) -> Archiver:
    place = tmp_path / "programs"
    place.mkdir()
    return Archiver(find_client(150000, environ=os.environ, local=True), place, Deadline.after(60))


def test_several_programs_make_the_same_backup(by_several: None, erp: Target, back_up: BackUp) -> None:
    stored = back_up(erp)
    assert stored.dump.stat().st_size > 0


@pytest.mark.usefixtures("by_several")
def test_together_they_read_every_row(
    erp: Target, back_up: BackUp, archiver: Archiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = back_up(erp)
    said = []

    def print_whole(self: Archiver, archive: Path, part: Path, **_: Any) -> Completed:
        said.append(self._run("pg_restore", ["--file=-", f"--use-list={part}", str(archive)], name=part.stem))
        return said[-1]

    monkeypatch.setattr(Archiver, "read_whole", print_whole)
    assert 3 == len(read_whole(archiver, stored.dump, stored.beside(".list"), {}, 1 << 20))
    text = "".join(one.stdout.read_text() for one in said)
    copied = set(re.findall(r"^COPY (\S+) ", text, re.MULTILINE))
    assert {f"{one.schema_}.{one.name}" for one in stored.manifest.tables if one.rows} <= copied


def test_damage_in_any_part_fails_the_whole(
    by_several: None, erp: Target, back_up: BackUp, archiver: Archiver, run_sql: Any
) -> None:
    stored = back_up(erp, BackupOptions())
    whole = stored.dump.read_bytes()
    listing, found, tried = stored.beside(".list"), 0, 0
    for position in range(len(whole) // 2, len(whole), len(whole) // 25):
        stored.dump.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        tried += 1
        found += any(one.exit_code for one in read_whole(archiver, stored.dump, listing, {}, 1 << 20))
    assert tried == found > 10
