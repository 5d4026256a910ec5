"""What `kill -9` left behind is reaped; what is somebody else's is not touched."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from dbops.connection import registry
from dbops.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of this test's own."""
    path = tmp_path / "registry"
    monkeypatch.setattr(registry, "_places", lambda: [path])
    return path


def test_what_links_in_it_point_to_stays(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "large").write_bytes(bytes(registry._LARGE))
    lease = registry.lease(tmp_path)
    (lease.directory / "large").write_bytes(bytes(registry._LARGE))
    (lease.directory / "file").symlink_to(tmp_path / "elsewhere" / "large")
    (lease.directory / "folder").symlink_to(tmp_path / "elsewhere")
    lease.end()
    assert (False, True) == (lease.directory.exists(), (tmp_path / "elsewhere" / "large").exists())


def orphan(lease: registry.Lease) -> None:
    """Leave a lease as a killed process does: the lock gone, everything else in place."""
    os.close(lease.descriptor)


def test_a_lease_is_a_private_directory_and_nothing_is_left_at_its_end(place: Path, tmp_path: Path) -> None:
    lease = registry.lease(tmp_path)
    assert (lease.directory.parent, lease.directory.stat().st_mode & 0o777) == (tmp_path, 0o700)
    (lease.directory / "deep").mkdir()
    lease.end()
    assert (lease.directory.exists(), place.exists()) == (False, False)


def test_a_living_lease_is_spared(place: Path, tmp_path: Path) -> None:
    lease = registry.lease(tmp_path)
    assert registry.sweep() == []
    assert lease.directory.exists()
    lease.end()


def test_no_run_sweeps_a_living_one_however_they_meet(place: Path, tmp_path: Path) -> None:
    """Each lock belongs to a file as it was opened, so that threads meet here as processes do."""

    def run(_number: int) -> list[Path]:
        swept = []
        for _ in range(60):
            lease = registry.lease(tmp_path)
            swept += registry.sweep()
            assert lease.directory.is_dir()
            lease.end()
        return swept

    with ThreadPoolExecutor(8) as runs:
        assert [[]] * 8 == list(runs.map(run, range(8)))
    assert (False, []) == (place.exists(), list(tmp_path.iterdir()))


def test_an_orphan_is_removed_with_its_entry(place: Path, tmp_path: Path) -> None:
    lease = registry.lease(tmp_path)
    (lease.directory / "data").mkdir()
    orphan(lease)
    assert registry.sweep() == [lease.directory]
    assert (lease.directory.exists(), place.exists()) == (False, False)


def test_what_would_be_swept_is_shown_and_nothing_is_touched(place: Path, tmp_path: Path) -> None:
    living, lease = registry.lease(tmp_path), registry.lease(tmp_path)
    (lease.directory / "data").mkdir()
    (lease.directory / "data" / "file").write_bytes(bytes(100_000))
    orphan(lease)
    (left,) = registry.leftovers()
    assert (lease.directory, ()) == (left.directory, left.processes)
    assert left.bytes >= 100_000
    assert str(lease.directory) in left.words()
    assert lease.directory.exists()
    assert registry.sweep() == [lease.directory]
    assert [] == registry.leftovers()
    living.end()


def test_an_entry_whose_directory_was_never_made_is_removed(place: Path, tmp_path: Path) -> None:
    lease = registry.lease(tmp_path)
    lease.directory.rmdir()
    orphan(lease)
    assert registry.sweep() == []
    assert not place.exists()


@pytest.mark.parametrize("name", ["precious", "dbops-", "dbops-00000000x", "dbops-../precious"])
def test_a_directory_that_does_not_carry_our_name_is_not_touched(place: Path, tmp_path: Path, name: str) -> None:
    lease = registry.lease(tmp_path)
    (tmp_path / "precious").mkdir()
    lease.entry.write_bytes(os.fsencode(tmp_path / name))
    orphan(lease)
    assert registry.sweep() == []
    assert (tmp_path / "precious").exists()


def test_a_symlink_in_place_of_the_directory_is_not_followed(place: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    lease = registry.lease(tmp_path)
    lease.directory.rmdir()
    lease.directory.symlink_to(tmp_path / "precious")
    orphan(lease)
    assert registry.sweep() == []
    assert (tmp_path / "precious").exists()


def test_somebodys_process_that_stands_in_an_orphan_is_left_alone(place: Path, tmp_path: Path) -> None:
    lease = registry.lease(tmp_path)
    with subprocess.Popen(["/bin/sleep", "100"], cwd=lease.directory) as bystander:
        orphan(lease)
        assert registry.sweep() == [lease.directory]
        assert bystander.poll() is None
        bystander.kill()


def test_a_postgres_that_works_in_an_orphan_is_ended(place: Path, tmp_path: Path) -> None:
    lease = registry.lease(tmp_path)
    pretender = tmp_path / "postgres"
    pretender.symlink_to("/bin/sleep")
    # A shell that starts the tests in the background has them ignore SIGQUIT, and a child inherits that.
    heard = partial(signal.signal, signal.SIGQUIT, signal.SIG_DFL)
    with subprocess.Popen([str(pretender), "100"], cwd=lease.directory, preexec_fn=heard) as server:  # noqa: PLW1509
        orphan(lease)
        assert registry.sweep() == [lease.directory]
        assert server.wait(10) == -signal.SIGQUIT


def test_without_proc_the_postmaster_is_found_by_its_pid_file(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_PROC", tmp_path / "no-proc")
    lease = registry.lease(tmp_path)
    (lease.directory / "data").mkdir()
    with subprocess.Popen(["/bin/sh", "-c", "sleep 100; :", f"-D{lease.directory}/data"]) as server:
        (lease.directory / "data" / "postmaster.pid").write_text(f"{server.pid}\n")
        assert registry.processes_in(lease.directory) == [server.pid]
        server.kill()
    assert registry.processes_in(lease.directory) == []
    lease.end()


def test_without_proc_a_pid_that_now_is_somebody_else_is_left_alone(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_PROC", tmp_path / "no-proc")
    lease = registry.lease(tmp_path)
    (lease.directory / "data").mkdir()
    (lease.directory / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert registry.processes_in(lease.directory) == []
    lease.end()


def test_a_registry_that_others_can_write_is_a_trap(place: Path, tmp_path: Path) -> None:
    place.mkdir()
    place.chmod(0o777)
    (place / "planted.lease").write_text(str(tmp_path / "dbops-00000000"))
    (tmp_path / "dbops-00000000").mkdir()
    assert registry.sweep() == []
    with pytest.raises(UnavailableError, match=f"tried {place}"):
        registry.lease(tmp_path)


def test_a_registry_that_is_a_symlink_is_a_trap(place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError):
        registry.lease(tmp_path)


def test_a_directory_that_cannot_be_made_leaves_no_entry(place: Path, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="No such file or directory"):
        registry.lease(tmp_path / "missing")
    assert not place.exists()


def test_a_run_with_another_tmpdir_looks_in_the_same_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = registry._places()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert registry._places()[:2] == before[:2]


def test_the_registry_stays_while_another_run_is_in_it(place: Path, tmp_path: Path) -> None:
    first, second = registry.lease(tmp_path), registry.lease(tmp_path)
    first.end()
    assert list(place.iterdir()) == [second.entry]
    second.end()
    assert not place.exists()
