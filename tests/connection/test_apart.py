"""A cluster's directory is a directory like any other, on whatever file system."""

from __future__ import annotations

import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from dbops.connection import apart
from dbops.connection.apart import make_apart, spreads

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_but_a_private_directory_is_made(tmp_path: Path) -> None:
    make_apart(tmp_path / "data")
    assert ["data"] == [path.name for path in tmp_path.iterdir()]
    assert 0o40700 == (tmp_path / "data").stat().st_mode
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


@pytest.mark.parametrize("machine", ["x86_64", "of a numbering of its own"])
def test_where_nothing_can_be_spread_the_directory_is_made_all_the_same(
    machine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(25, "Inappropriate ioctl for device")

    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(apart.fcntl, "ioctl", refuse)
    make_apart(tmp_path / "data")
    assert (True, False) == ((tmp_path / "data").is_dir(), spreads(tmp_path))


def test_on_ext4_what_is_made_is_spread(tmp_path: Path) -> None:
    kind = subprocess.run(
        ["stat", "--file-system", "--format=%T", tmp_path], capture_output=True, text=True, check=False
    )
    if kind.stdout.strip() != "ext2/ext3":
        pytest.skip(f"{tmp_path} is on {kind.stdout.strip() or 'something else'}")
    (tmp_path / "own").mkdir()
    assert not spreads(tmp_path / "own")
    make_apart(tmp_path / "own" / "data")
    assert spreads(tmp_path / "own")
    assert not spreads(tmp_path / "own" / "data")
