"""Every way in which archived log was seen to be not whole: found by the cheapest question, and by a recovery."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from dbops.connection.deadline import Deadline
from dbops.connection.server import ScratchServer
from dbops.drill.pitr.archive import freeze, list_archive
from dbops.drill.pitr.base import BaseBackup, Taker
from dbops.drill.pitr.holes import Log, Reader
from dbops.drill.pitr.place import Place, place
from dbops.drill.pitr.recovering import look_at_timelines
from dbops.drill.pitr.recovery import Goal, RecoveredServer
from dbops.drill.pitr.source import Canary, open_source
from dbops.drill.pitr.wal import Segments, is_segment
from dbops.errors import UnavailableError
from dbops.model import CheckStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Archiving

HALF = 1 << 19


@dataclass(frozen=True)
class Kept:
    """An archive that is whole, a base backup it starts from, and a commit in its last segment."""

    archiving: Archiving
    base: BaseBackup
    last: Canary
    first: Canary
    segments: Segments
    system_identifier: int
    names: list[str]

    def log(self, archive: Path, where: Place) -> Log:
        listing = list_archive(archive)
        frozen = freeze(listing, sorted(listing.entries), where.frozen(f"frozen-{archive.name}"), where.user)
        reader = Reader(self.archiving.server.binaries, where.output, Deadline.after(60))
        return Log(listing, frozen, self.segments, self.base.start, self.system_identifier, reader)

    def recover(self, log: Log) -> None:
        goal = Goal.to_position(self.last.end.lsn)
        with RecoveredServer(
            self.archiving.server.binaries,
            self.base,
            log.frozen.directory,
            goal,
            self.archiving.target,
            Deadline.after(60),
            durable=False,
        ) as server:
            server.await_paused()
            assert server.has(self.last.xid)


@pytest.fixture(scope="module")
def kept(archiving_server: Archiving, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    archiving_server.archive_by(archiving_server.good_command)
    output = tmp_path_factory.mktemp("kept")
    taker = Taker(archiving_server.server.binaries, output, Deadline.after(60))
    with open_source(archiving_server.target, 60, takes_base=True) as source:
        taker.take(archiving_server.target, output / "base", "nightly")
        base = taker.understand(
            output / "base", source.moment().at, source.facts.limits, source.info.system_identifier or ""
        )
        first = source.emit("first", "test")
        for _ in range(3):
            archiving_server.commit(100)
            archiving_server.sql("select pg_switch_wal()")
        last = source.emit("last", "test")
        segments = source.segments
        segment = archiving_server.sql("select pg_walfile_name(pg_switch_wal())")[0][0]
        system = int(source.info.system_identifier or 0)
    _await(archiving_server, segment)
    start = segments.name(segments.holding(base.start))
    names = [name for name in sorted(list_archive(archiving_server.archive).entries) if is_segment(name)]
    return Kept(archiving_server, base, last, first, segments, system, [name for name in names if name >= start])


def _await(archiving: Archiving, segment: str) -> None:
    import time

    for _ in range(500):
        if (archiving.archive / segment).exists():
            return
        time.sleep(0.02)
    raise AssertionError(segment)


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as found:
        yield found


@pytest.fixture
def archive(kept: Kept, tmp_path: Path) -> Path:
    """A copy of the whole archive, to be damaged."""
    directory = tmp_path / "archive"
    directory.mkdir()
    for name in kept.names:
        (directory / name).write_bytes((kept.archiving.archive / name).read_bytes())
    return directory


def _missing(archive: Path, names: list[str]) -> str:
    (archive / names[2]).unlink()
    return names[2]


def _missing_last(archive: Path, names: list[str]) -> str:
    (archive / names[-1]).unlink()
    return names[-1]


def _truncated(archive: Path, names: list[str]) -> str:
    os.truncate(archive / names[2], HALF)
    return names[2]


def _empty(archive: Path, names: list[str]) -> str:
    os.truncate(archive / names[2], 0)
    return names[2]


def _zeroed(archive: Path, names: list[str]) -> str:
    (archive / names[2]).write_bytes(bytes(2 * HALF))
    return names[2]


def _previous(archive: Path, names: list[str]) -> str:
    (archive / names[2]).write_bytes((archive / names[1]).read_bytes())
    return names[2]


def _flipped(archive: Path, names: list[str]) -> str:
    data = bytearray((archive / names[2]).read_bytes())
    data[20_000] ^= 1  # in the rows of the commit that fills this segment
    (archive / names[2]).write_bytes(data)
    return names[2]


@pytest.mark.parametrize(
    ("damage", "question"),
    [
        (_missing, "names"),
        (_missing_last, "names"),
        (_truncated, "sizes"),
        (_empty, "sizes"),
        (_zeroed, "readable"),
        (_previous, "readable"),
        (_flipped, "contents"),
    ],
)
def test_a_hole_is_found_without_a_recovery_and_a_recovery_to_a_position_does_not_pass_over_it(
    kept: Kept, archive: Path, where: Place, damage: Callable[[Path, list[str]], str], question: str
) -> None:
    segment = damage(archive, kept.names)
    log = kept.log(archive, where)
    hole = log.find_hole(kept.last.end.lsn)
    assert hole is not None
    assert question == hole.question
    assert segment == hole.segment or question == "contents"
    with pytest.raises(UnavailableError, match=r"ended before|wrong size"):
        kept.recover(log)


def test_a_whole_archive_has_no_hole_and_recovers(kept: Kept, archive: Path, where: Place) -> None:
    log = kept.log(archive, where)
    assert log.find_hole(kept.last.end.lsn) is None
    kept.recover(log)


def test_a_flip_behind_the_end_of_a_switched_segment_harms_nobody(kept: Kept, archive: Path, where: Place) -> None:
    data = bytearray((archive / kept.names[-1]).read_bytes())
    data[-1] ^= 1
    (archive / kept.names[-1]).write_bytes(data)
    assert kept.log(archive, where).find_hole(kept.last.end.lsn) is None


def test_a_segment_of_another_cluster_is_found_by_what_it_says_of_itself(
    kept: Kept, archive: Path, where: Place
) -> None:
    settings = {"wal_level": "replica", "fsync": "off"}
    with ScratchServer(
        kept.archiving.server.binaries, settings=settings, initdb_arguments=("--wal-segsize=1",)
    ) as other:
        wal = other.data_directory / "pg_wal"
        foreign = min(path for path in wal.iterdir() if is_segment(path.name)).read_bytes()
    (archive / kept.names[2]).write_bytes(foreign)
    hole = kept.log(archive, where).find_hole(kept.last.end.lsn)
    assert hole is not None
    assert (kept.names[2], "readable") == (hole.segment, hole.question)
    assert "is of another cluster" in hole.detail


def test_a_segment_that_the_server_s_user_could_not_read_is_a_hole(kept: Kept, archive: Path, where: Place) -> None:
    log = kept.log(archive, where)
    entries = {name: one for name, one in log.frozen.entries.items() if name != kept.names[1]}
    hole = replace(log, frozen=replace(log.frozen, entries=entries)).find_hole(kept.last.end.lsn)
    assert hole is not None
    assert (kept.names[1], "readable") == (hole.segment, hole.question)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_read_permission_is_left_out_of_the_frozen_archive(
    kept: Kept, archive: Path, where: Place
) -> None:
    (archive / kept.names[1]).chmod(0)
    assert kept.names[1] not in kept.log(archive, where).frozen.entries


def test_a_later_timeline_in_the_archive_is_a_finding(kept: Kept, archive: Path) -> None:
    assert CheckStatus.PASS is look_at_timelines(list_archive(archive), 1).status
    (archive / "00000002.history").write_text("1\t0/3000000\tno recovery target specified\n")
    check = look_at_timelines(list_archive(archive), 1)
    assert (CheckStatus.FAIL, ["00000002.history"]) == (check.status, [one.object for one in check.findings])
    assert CheckStatus.PASS is look_at_timelines(list_archive(archive), 2).status


def test_a_frozen_archive_does_not_change_with_the_archive(kept: Kept, archive: Path, where: Place) -> None:
    log = kept.log(archive, where)
    for name in kept.names:
        (archive / name).unlink()
    assert log.reader.check(log.frozen.directory, kept.segments, kept.base.start, kept.last.end.lsn) is None
