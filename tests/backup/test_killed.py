"""Backups that are ended in the middle: by a signal they are told of, and by one they are not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from dbops.backup.options import BackupOptions
from dbops.errors import ProgramFailedError
from dbops.storage.stored import MANIFEST, verify_hashes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.target import Target
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup

PATIENCE = 20.0


def _start(target: Target, store: LocalStore, programs: Path, tmp_path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "dbops", "backup", f"--client-bindir={programs}"),
            *(f"--log-dir={tmp_path / 'logs'}", f"--backup-dir={store.directory}"),
        ],
        env={
            **os.environ,
            "DATABASE_URL": f"postgresql://{target.user}@/{target.database}?host={target.host}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _await(there: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def stuck(tmp_path: Path, wrapped: Callable[[str, str], Path]) -> tuple[Path, Path]:
    """Programs whose pg_dump writes its dump and then hangs, and the file where it leaves its process id."""
    pid = tmp_path / "pid"
    return wrapped("pg_dump", f'"$real" "$@"; echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 600'), pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_backup_that_is_told_to_stop_leaves_nothing(
    number: int, erp: Target, store: LocalStore, stuck: tuple[Path, Path], tmp_path: Path
) -> None:
    programs, pid = stuck
    process = _start(erp, store, programs, tmp_path)
    _await(pid.exists)
    process.send_signal(number)
    assert 128 + number == process.wait(PATIENCE)
    dumping = int(pid.read_text())
    _await(lambda: not _is_running(dumping))
    assert [] == [path.name for path in store.directory.iterdir() if ".dump" in path.name]
    (line,) = (store.directory / "backup-report.jsonl").read_text().splitlines()
    assert ("stopped", 128 + number) == (json.loads(line)["outcome"], json.loads(line)["exitCode"])


PHASES = {
    "the listing": 'case "$*" in --list*)',
    "the dry run of the schema": 'case "$*" in --schema-only*)',
    "the full read": 'case "$*" in --file=/dev/null*)',
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("phase", PHASES)
def test_a_backup_that_ends_during(
    phase: str,
    number: int,
    erp: Target,
    store: LocalStore,
    wrapped: Callable[[str, str], Path],
    tmp_path: Path,
) -> None:
    pid = tmp_path / "pid"
    hang = f"{PHASES[phase]} echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 600;; esac"
    process = _start(erp, store, wrapped("pg_restore", f'{hang}\nexec "$real" "$@"'), tmp_path)
    _await(pid.exists)
    process.send_signal(number)
    assert (-9 if number == signal.SIGKILL else 128 + number) == process.wait(PATIENCE)
    _await(lambda: not _is_running(int(pid.read_text())))
    assert ((), ()) == (store.backups(), store.unusable())
    under_final_names = [path.name for path in store.directory.iterdir() if not path.name.startswith(".")]
    assert ([] if number == signal.SIGKILL else ["backup-report.jsonl"]) == [
        name for name in under_final_names if not name.endswith(".lock")
    ]


STRACE = shutil.which("strace")
TRACED = """for a in "$@"; do case $a in --file=*) f=${a#--file=};; esac; done
exec strace -f -qq -o /dev/null -P "$f" -e inject=FAULT "$real" "$@\""""


@pytest.mark.skipif(STRACE is None, reason="strace is not here")
@pytest.mark.parametrize(
    "fault",
    ["write:error=ENOSPC:when=1", "write:error=ENOSPC:when=3+", "write:error=EIO:when=2", "write:signal=KILL:when=2"],
)
def test_a_disk_that_fails_under_the_dump_publishes_nothing(
    fault: str,
    erp: Target,
    store: LocalStore,
    wrapped: Callable[[str, str], Path],
    back_up: Callable[..., StoredBackup],
) -> None:
    with pytest.raises(ProgramFailedError) as caught:
        back_up(erp, BackupOptions(bindir=wrapped("pg_dump", TRACED.replace("FAULT", fault))))
    if "ENOSPC" in fault:
        assert "free some space" in (caught.value.hint or "")
    assert [] == [path.name for path in store.directory.iterdir() if ".dump" in path.name]
    (line,) = (store.directory / "backup-report.jsonl").read_text().splitlines()
    assert ("failed", 3) == (json.loads(line)["outcome"], json.loads(line)["exitCode"])


# How many writes there are before pg_dump goes back to its table of contents, by a first dump beside it.
LAST_LOST = """for a in "$@"; do case $a in --file=*) f=${a#--file=};; esac; done
strace -f -qq -o calls -P "$f.first" -e trace=write,lseek "$real" "$@" --file="$f.first" || exit
rm "$f.first"
n=$(awk '/ write\\(/ {w++} / lseek\\(.*SEEK_SET/ {n = w} END {print n}' calls)
strace -f -qq -o /dev/null -P "$f" -e inject=write:error=ENOSPC:when=$n "$real" "$@" && echo 0 >ENDED"""


@pytest.mark.skipif(STRACE is None, reason="strace is not here")
def test_a_dump_whose_last_bytes_found_no_room_is_found_though_pg_dump_ends_well(
    erp: Target,
    store: LocalStore,
    wrapped: Callable[[str, str], Path],
    back_up: Callable[..., StoredBackup],
    tmp_path: Path,
) -> None:
    ended = tmp_path / "ended"
    with pytest.raises(ProgramFailedError, match="end of file") as caught:
        back_up(erp, BackupOptions(bindir=wrapped("pg_dump", LAST_LOST.replace("ENDED", str(ended)))))
    assert "0\n" == ended.read_text()
    assert "the dump is cut off" in (caught.value.hint or "")
    assert [] == [path.name for path in store.directory.iterdir() if ".dump" in path.name]


def test_a_backup_that_is_killed_is_none_and_the_next_one_clears_up(
    erp: Target,
    store: LocalStore,
    stuck: tuple[Path, Path],
    tmp_path: Path,
    back_up: Callable[..., StoredBackup],
) -> None:
    programs, pid = stuck
    process = _start(erp, store, programs, tmp_path)
    _await(pid.exists)
    process.kill()
    process.wait(PATIENCE)
    dumping = int(pid.read_text())
    _await(lambda: not _is_running(dumping))
    left = [path.name for path in store.directory.iterdir() if ".dump" in path.name]
    assert [True] == [name.startswith(".") and name.endswith(".partial") for name in left]
    assert not (store.directory / "backup-report.jsonl").exists()
    stored = back_up(erp, BackupOptions(orphan_age=0.0))
    verify_hashes(stored)
    assert {stored.dump.name} == {path.name for path in store.directory.iterdir() if ".dump" in path.name}
    assert [stored.path.name] == [path.name for path in store.directory.iterdir() if path.name.endswith(MANIFEST)]
