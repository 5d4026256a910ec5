"""What files.py promises about directories, whole files, lines and locks, on a real file system."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbops import files
from dbops.errors import DbopsError, EvidenceNotKeptError, ExitCode, LockedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_missing_directory_and_its_parents_are_created_for_the_owner_alone(tmp_path: Path) -> None:
    directory = files.secure_directory(tmp_path / "a" / "b" / "c")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b", directory)]
    assert modes == [0o700, 0o700, 0o700]


def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir(mode=0o755)
    files.secure_directory(tmp_path / "logs")
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o755


def test_a_symbolic_link_is_refused_with_the_advice_to_name_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(EvidenceNotKeptError) as caught:
        files.secure_directory(tmp_path / "link")
    assert caught.value.message == f"{tmp_path / 'link'} is not a safe place to keep files: it is a symbolic link"
    assert caught.value.hint == "name the directory the link points to"


def test_a_link_that_points_nowhere_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(EvidenceNotKeptError, match="symbolic link"):
        files.secure_directory(tmp_path / "link")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_world_writable_directory_is_refused_sticky_or_not(tmp_path: Path, mode: int) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs").chmod(mode)
    with pytest.raises(EvidenceNotKeptError, match="everybody can write to it") as caught:
        files.secure_directory(tmp_path / "logs")
    assert caught.value.exit_code == ExitCode.EVIDENCE_NOT_KEPT


def test_a_group_writable_directory_is_accepted_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs").chmod(0o770)
    assert files.secure_directory(tmp_path / "logs") == tmp_path / "logs"
    assert [str(tmp_path / "logs") in note for note in files.directory_notes(tmp_path / "logs")] == [True]
    (tmp_path / "logs").chmod(0o700)
    assert files.directory_notes(tmp_path / "logs") == ()


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    with pytest.raises(EvidenceNotKeptError, match="it is not a directory"):
        files.secure_directory(tmp_path / "logs")


def test_a_directory_below_a_file_is_refused_without_a_traceback_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvidenceNotKeptError, match="Not a directory"):
        files.secure_directory(tmp_path / "file" / "logs")


def test_the_caller_chooses_which_error_an_unsafe_directory_is(tmp_path: Path) -> None:
    (tmp_path / "backups").symlink_to(".")
    with pytest.raises(UnavailableError):
        files.secure_directory(tmp_path / "backups", error=UnavailableError)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_root_accepts_any_owner_and_others_accept_only_their_own_and_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:
        for path, owner in ((Path(name), 0), (Path(name) / "theirs", 12345), (Path(name) / "roots", 0)):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
            os.chown(path, owner, owner)
        assert files.secure_directory(Path(name) / "theirs") == Path(name) / "theirs"

        monkeypatch.setattr(os, "geteuid", lambda: 54321)
        with pytest.raises(EvidenceNotKeptError, match="it belongs to another user"):
            files.secure_directory(Path(name) / "theirs")
        assert files.secure_directory(Path(name) / "roots") == Path(name) / "roots"


def test_a_file_appears_whole_private_and_leaves_no_temporary_behind(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "checkpoint", b"first")
    files.write_atomically(tmp_path / "checkpoint", b"second")
    assert (tmp_path / "checkpoint").read_bytes() == b"second"
    assert stat.S_IMODE((tmp_path / "checkpoint").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize("function", ["write", "fsync", "replace", "open"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failed_write_leaves_what_was_there_and_says_which_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, code: int
) -> None:
    files.write_atomically(tmp_path / "checkpoint", b"first")

    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with pytest.raises(EvidenceNotKeptError) as caught:
            files.write_atomically(tmp_path / "checkpoint", b"second")
    assert caught.value.message == f"cannot write {tmp_path / 'checkpoint'}: {os.strerror(code)}"
    assert caught.value.hint is not None
    assert (tmp_path / "checkpoint").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize("name", ["/dev/null", "/dev/stdout", "/proc/self/fd/1"])
def test_a_device_is_never_replaced(name: str) -> None:
    """Should it be, only the root of a machine that nobody minds would notice: so nothing is written here."""
    assert files.not_replaceable(Path(name)) is not None


def test_a_pipe_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(EvidenceNotKeptError, match="would be replaced"):
        files.write_atomically(pipe, b"whole")
    assert pipe.is_fifo()
    assert files.not_replaceable(tmp_path / "new") is None


def test_a_new_file_never_follows_a_link_and_never_replaces(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(tmp_path / "victim")
    with pytest.raises(EvidenceNotKeptError):
        files.write_new(tmp_path / "elsewhere", b"x")
    assert (tmp_path / "victim").exists() is False


def test_lines_are_appended_one_after_the_other(tmp_path: Path) -> None:
    for line in (b"one", b"two"):
        files.append_line(tmp_path / "report.jsonl", line)
    assert (tmp_path / "report.jsonl").read_bytes() == b"one\ntwo\n"


def test_a_short_write_is_taken_back_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.append_line(tmp_path / "report.jsonl", b"one")
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:2]))
        with pytest.raises(EvidenceNotKeptError, match="only 2 of 4 bytes"):
            files.append_line(tmp_path / "report.jsonl", b"two")
    assert (tmp_path / "report.jsonl").read_bytes() == b"one\n"


def test_a_failed_fsync_is_not_tried_again_and_the_line_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.append_line(tmp_path / "report.jsonl", b"one")
    calls = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(EvidenceNotKeptError):
            files.append_line(tmp_path / "report.jsonl", b"two")
    assert len(calls) == 1
    assert (tmp_path / "report.jsonl").read_bytes() == b"one\n"


def test_a_torn_tail_is_moved_aside_before_the_next_line(tmp_path: Path) -> None:
    (tmp_path / "report.jsonl").write_bytes(b"one\ntw")
    files.append_line(tmp_path / "report.jsonl", b"three")
    assert (tmp_path / "report.jsonl").read_bytes() == b"one\nthree\n"
    assert (tmp_path / f"torn.{hashlib.sha256(b'tw').hexdigest()}").read_bytes() == b"tw"


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 200_000])
def test_the_last_line_is_found_whatever_its_length(tmp_path: Path, size: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n" + b"x" * size + b"\n")
    with files.open_for_append(path) as file:
        assert files.last_line(file) == b"x" * size
    path.write_bytes(b"y" * size + b"\n")
    with files.open_for_append(path) as file:
        assert files.last_line(file) == b"y" * size


def test_appending_to_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"")
    (tmp_path / "report.jsonl").symlink_to("victim")
    with pytest.raises(EvidenceNotKeptError):
        files.append_line(tmp_path / "report.jsonl", b"x")
    assert (tmp_path / "victim").read_bytes() == b""


def _append_many(path: Path, name: str, count: int) -> None:
    for number in range(count):
        files.append_line(path, f"{name}:{number}".encode())


def test_writers_in_several_processes_lose_and_mix_no_line(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    _in_processes([(_append_many, (path, name, 40)) for name in "abcd"])
    lines = path.read_text().splitlines()
    wanted = [f"{name}:{number}" for name in "abcd" for number in range(40)]
    assert sorted(wanted) == sorted(lines)
    assert [[line for line in lines if line[0] == name] for name in "abcd"] == [
        wanted[i : i + 40] for i in (0, 40, 80, 120)
    ]


def test_a_held_lock_is_refused_at_once_and_its_holder_named(tmp_path: Path) -> None:
    lock = tmp_path / "suite.lock"
    with files.locked(lock, holder="suite A"), pytest.raises(LockedError) as caught, files.locked(lock, holder="B"):
        pass
    assert caught.value.message == f"{lock} is held by suite A (process {os.getpid()})"
    assert caught.value.exit_code == ExitCode.LOCKED


def test_a_released_lock_stays_as_a_file_and_can_be_taken_again(tmp_path: Path) -> None:
    for holder in ("A", "B"):
        with files.locked(tmp_path / "suite.lock", holder=holder):
            assert f'"{holder}"' in (tmp_path / "suite.lock").read_text()
    assert (tmp_path / "suite.lock").exists() is True


def _die_holding(path: Path) -> None:
    with files.locked(path, holder="the dead"):
        os._exit(0)


def test_a_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    _in_processes([(_die_holding, (tmp_path / "suite.lock",))])
    with files.locked(tmp_path / "suite.lock", holder="the living"):
        pass


def test_waiting_for_a_lock_ends_with_an_error_that_says_how_long(tmp_path: Path) -> None:
    with (
        files.waiting_for(tmp_path / "lock"),
        pytest.raises(LockedError, match=r"held by another process for 0.05 s"),
        files.waiting_for(tmp_path / "lock", seconds=0.05),
    ):
        pass


def test_every_error_of_the_system_becomes_one_of_ours_with_something_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "x"
    attempts: list[Callable[[], object]] = [
        lambda: files.secure_directory(below),
        lambda: files.write_atomically(below, b""),
        lambda: files.write_new(below, b""),
        lambda: files.append_line(below, b""),
        lambda: files.locked(below, holder="x").__enter__(),
    ]
    for attempt in attempts:
        with pytest.raises(DbopsError) as caught:
            attempt()
        assert caught.value.hint is not None


def _in_processes(jobs: list[tuple[Callable[..., None], tuple[object, ...]]]) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=function, args=arguments) for function, arguments in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(jobs)
