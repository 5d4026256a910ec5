"""An archive that is read while it is written: proven whole where it is, and never where that is not certain."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dbops.backup import syncing
from dbops.backup.archive import Archiver, Form
from dbops.backup.following import Following, worth_following
from dbops.backup.options import BackupOptions
from dbops.backup.source import TableFacts
from dbops.backup.syncing import brought_to_disk
from dbops.backup.toc import read_places
from dbops.connection.binaries import find_client
from dbops.connection.deadline import Deadline
from dbops.connection.process import Completed
from dbops.errors import ProgramFailedError, UnavailableError
from dbops.evidence.steps import StepRecorder
from dbops.model import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]


@pytest.fixture
def archiver(server: ScratchServer, tmp_path: Path) -> Archiver:
    place = tmp_path / "programs-said"
    place.mkdir()
    programs = find_client(server.binaries.version, environ=os.environ, local=True)
    return Archiver(programs, place, Deadline.after(60))


@contextlib.contextmanager
def _step() -> Iterator[StepRecorder]:
    yield StepRecorder("read archive as it grows", utc_now())


def _follow(archiver: Archiver, path: Path, pieces: list[bytes], at_end: Callable[[], None] = lambda: None) -> Any:
    """Write the pieces one after the other, then what `at_end` does; return what has been proven."""
    path.touch()
    with Following(archiver, path, _step) as following:
        for piece in pieces:
            with path.open("ab") as file:
                file.write(piece)
            time.sleep(0.02)
        at_end()
        following.finished()
        return following.proof()


def _places(whole: bytes) -> Any:
    return read_places(io.BytesIO(whole))


@pytest.fixture
def whole(erp: Target, back_up: BackUp) -> bytes:
    return back_up(erp).dump.read_bytes()


@pytest.mark.parametrize("parts", [1, 3, 25])
def test_an_archive_that_arrives_in_pieces_is_proven(
    parts: int, whole: bytes, archiver: Archiver, tmp_path: Path
) -> None:
    length = len(whole) // parts + 1
    proof = _follow(archiver, tmp_path / "x", [whole[at : at + length] for at in range(0, len(whole), length)])
    assert isinstance(proof, Completed), proof
    assert 0 == proof.exit_code


def _follow_until(whole: bytes, changed: bytes, archiver: Archiver, path: Path) -> Any:
    """Follow an archive that in the end is another file; return what has been proven."""

    def change() -> None:
        time.sleep(0.2)
        path.write_bytes(changed)

    path.unlink(missing_ok=True)
    return _follow(archiver, path, [whole], change)


@pytest.mark.parametrize("codec", ["gzip", "none"])
def test_a_change_of_the_rows_that_were_decoded_is_damage(
    codec: Any, erp: Target, back_up: BackUp, archiver: Archiver, tmp_path: Path
) -> None:
    whole = back_up(erp, BackupOptions(form=Form(codec=codec))).dump.read_bytes()
    end = _places(whole).end
    flipped = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in (end, len(whole) - 1)]
    for changed in [*flipped, whole[:-1], whole[:end]]:
        with pytest.raises(UnavailableError, match="changed since it was written: its rows are not what was decoded"):
            _follow_until(whole, changed, archiver, tmp_path / "x")


def _changed_contents(whole: bytes) -> Iterator[bytes]:
    """Yield archives with another table of contents, each of which pg_restore reads to its end with exit code 0."""
    places = _places(whole)
    width = places.integer_bytes
    yield whole.replace(b"COPY public.", b"COPY publiC.", 1)
    yield whole.replace(b"CREATE TABLE public.", b"CREATE TABLE publiC.", 1)
    for dump_id, place in places.rows.items():
        # Says that the entry has no rows, where its place is and where its id is.
        offset = place.to_bytes(8, "little")
        yield whole.replace(b"\2" + offset, b"\3" + offset, 1)
        begins, number = b"\0" + dump_id.to_bytes(width, "little") + b"\0", (1).to_bytes(width, "little")
        yield whole.replace(begins + number, begins + bytes(width), 1)


def test_a_table_of_contents_that_says_something_else_in_the_end_is_damage(
    whole: bytes, archiver: Archiver, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    for changed in list(_changed_contents(whole))[:6]:
        assert whole != changed
        path.write_bytes(changed)
        assert 0 == archiver.read_whole(path).exit_code
        with pytest.raises(UnavailableError, match="its table of contents is not what was decoded"):
            _follow_until(whole, changed, archiver, path)


def test_rows_that_the_table_of_contents_denies_are_damage_from_the_beginning(
    whole: bytes, archiver: Archiver, tmp_path: Path
) -> None:
    changed = next(one for one in _changed_contents(whole) if _places(one).denied)
    with pytest.raises(UnavailableError, match="1 entry has rows that it does not lead to"):
        _follow(archiver, tmp_path / "x", [changed])


def test_what_lies_behind_all_that_was_decoded_is_not_proven(whole: bytes, archiver: Archiver, tmp_path: Path) -> None:
    # pg_restore is gone before it comes.
    pieces = [whole, *[b""] * 50, bytes(1 << 20)]
    assert "pg_restore ended before it had read all of it" == _follow(archiver, tmp_path / "x", pieces)


def test_a_wrong_place_in_the_finished_archive_is_seen(whole: bytes, archiver: Archiver, tmp_path: Path) -> None:
    # pg_dump writes the places last, and whoever reads a pipe never looks at them.
    places = _places(whole)
    offsets = [place.to_bytes(8, "little") for place in places.rows.values()]
    assert [1] * len(offsets) == [whole[: places.end].count(one) for one in offsets]
    wrong = [(one, (int.from_bytes(one, "little") + 1)) for one in offsets]
    for offset, other in [*wrong, *((offsets[0], value) for value in (0, 1 << 62, (1 << 64) - 1))]:
        changed = whole.replace(offset, other.to_bytes(8, "little"), 1)
        assert "does not name the place" in _follow_until(whole, changed, archiver, tmp_path / "x")


def test_a_place_that_was_never_filled_in_is_not_proven(whole: bytes, archiver: Archiver, tmp_path: Path) -> None:
    offset = next(iter(_places(whole).rows.values())).to_bytes(8, "little")
    changed = whole.replace(b"\2" + offset, b"\1" + bytes(8), 1)
    assert "does not name the place" in _follow_until(whole, changed, archiver, tmp_path / "x")


def test_a_dump_that_is_changed_once_it_is_written_is_not_published(
    erp: Target, store: LocalStore, back_up: BackUp, wrapped: Callable[[str, str], Path]
) -> None:
    other = '"$real" "$@" || exit; for a in "$@"; do case $a in --file=*) f=${a#--file=};; esac; done; sleep 1; '
    change = 'LC_ALL=C sed "s/COPY public/COPY publiC/" "$f" >"$f.2" && cat "$f.2" >"$f" && rm "$f.2"'
    programs = wrapped("pg_dump", other + change)
    with pytest.raises(UnavailableError, match="the dump has changed since it was written"):
        back_up(erp, BackupOptions(bindir=programs, form=Form(codec="none")))
    assert [] == [path.name for path in store.directory.iterdir() if ".dump" in path.name]


@pytest.mark.parametrize("damage", ["cut off", "one bit", "empty", "no archive", "a newer one"])
def test_what_does_not_arrive_whole_is_not_proven(
    damage: str, whole: bytes, archiver: Archiver, tmp_path: Path
) -> None:
    middle = (len(whole) + _places(whole).end) // 2
    damaged = {
        "cut off": whole[:middle],
        "one bit": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
        "empty": b"",
        "no archive": b"PGDUMP" + bytes(1 << 20),
        "a newer one": whole[:5] + b"\1\x63" + whole[7:],
    }[damage]
    assert isinstance(_follow(archiver, tmp_path / "x", [damaged]), str)


def test_a_dump_that_fails_ends_the_reader(whole: bytes, archiver: Archiver, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(whole[: len(whole) // 2])
    began = time.monotonic()
    with pytest.raises(ProgramFailedError, match="the server is gone"):
        _fail_in_the_middle(archiver, path)
    assert time.monotonic() - began < 10


def _fail_in_the_middle(archiver: Archiver, path: Path) -> None:
    with Following(archiver, path, _step):
        time.sleep(0.2)
        raise ProgramFailedError("the server is gone")


def _steps(stored: StoredBackup, tmp_path: Path) -> dict[str, Any]:
    (report,) = tmp_path.rglob(f"{stored.manifest.id}.json")
    return {step["name"]: step for step in json.loads(report.read_bytes())["steps"]}


def test_a_backup_says_that_it_was_decoded_while_it_was_written(erp: Target, back_up: BackUp, tmp_path: Path) -> None:
    steps = _steps(back_up(erp), tmp_path)
    assert "it was decoded while it was written, and has not changed since" == steps["read whole archive"]["output"]
    assert 0 == steps["read archive as it grows"]["exitCode"]


def test_a_reader_that_fails_beside_the_dump_leaves_it_to_the_finished_file(
    erp: Target, back_up: BackUp, wrapped: Callable[[str, str], Path], tmp_path: Path
) -> None:
    programs = wrapped("pg_restore", 'case "$*" in *--format=custom*) exit 1;; esac\nexec "$real" "$@"')
    steps = _steps(back_up(erp, BackupOptions(bindir=programs)), tmp_path)
    assert steps["read whole archive"]["output"].startswith("once more, from the file: pg_restore ended with")


_TABLE = TableFacts(1, "public", "t", "r", "p", pages=1, readable=True, filtered=False, of_extension=False)


def test_many_small_tables_are_read_afterwards() -> None:
    assert worth_following([_TABLE] * 1000)
    assert not worth_following([_TABLE] * 1001)
    assert worth_following([replace(_TABLE, pages=100)] * 1001)


def _fail(_: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_disk_that_fails_while_the_dump_grows_fails_the_backup(
    erp: Target, back_up: BackUp, wrapped: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "_sync", _fail)
    monkeypatch.setattr(syncing, "_PAUSE", 0.05)
    programs = wrapped("pg_dump", '"$real" "$@"; exec sleep 60')
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="to disk: Input/output error"):
        back_up(erp, BackupOptions(bindir=programs))
    assert time.monotonic() - began < 30


def test_a_file_is_synced_for_as_long_as_the_block_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(syncing, "_sync", synced.append)
    monkeypatch.setattr(syncing, "_PAUSE", 0.01)
    path = tmp_path / "x"
    path.touch()
    with brought_to_disk(path) as check:
        time.sleep(0.3)
        check()
    assert len(synced) > 3
    seen = len(synced)
    time.sleep(0.05)
    assert seen == len(synced)
