"""A file system that really fills up, a tmpfs in a namespace of its own; and a directory that turns read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
import sys
from pathlib import Path
from dbops.errors import EvidenceNotKeptError
from dbops.evidence.answers import Question
from dbops.evidence.examine import examine
from dbops.evidence.run import Run

disk = Path(sys.argv[1])
logs = disk / "logs"

def fill():
    with (disk / "ballast").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass

with Run.start("drill", logs, "backup-drill"):
    pass
with Run.start("drill", logs, "backup-drill") as run:
    fill()
print("filled during the run:", run.report.verdict, run.report_path.exists(), (logs / "evidence" / "reserve").exists())
fill()
try:
    with Run.start("drill", logs, "backup-drill"):
        print("a run began on a full disk")
except EvidenceNotKeptError as error:
    print("full before the run:", error.exit_code, error.message.split(": ")[-1], "|", error.hint)
(disk / "ballast").unlink()
with Run.start("drill", logs, "backup-drill"):
    pass
print("after there is room:", (logs / "evidence" / "reserve").exists())
answers = {it.name: it.answer for it in examine(logs, Question()).answers}
print("evidence:", answers["COMPLETE"], answers["ARTIFACTS MATCH"])
"""

_READ_ONLY = """
import sys
from pathlib import Path
from dbops.errors import EvidenceNotKeptError
from dbops.evidence.answers import Question
from dbops.evidence.examine import examine
from dbops.evidence.run import Run
from dbops.model import Check, CheckStatus

logs = Path(sys.argv[1]) / "logs"

def make(directories, files):
    for path in [logs, *logs.rglob("*")]:
        path.chmod(directories if path.is_dir() else files)

with Run.start("drill", logs, "backup-drill"):
    pass
try:
    with Run.start("drill", logs, "backup-drill") as run:
        run.add_checks(Check(check="x", status=CheckStatus.FAIL))
        make(0o500, 0o400)
    print("a verdict that is nowhere on record")
except EvidenceNotKeptError as error:
    print("read-only during the run:", error.exit_code, error.message.split(": ")[-1], "|", error.hint)
    print("in hand:", error.report.exit_code, [check.check for check in error.report.checks], error.report.seal)
try:
    with Run.start("drill", logs, "backup-drill"):
        print("a run began on a read-only disk")
except EvidenceNotKeptError as error:
    print("read-only before the run:", error.exit_code)
make(0o700, 0o600)
with Run.start("drill", logs, "backup-drill"):
    pass
answers = {it.name: it.answer for it in examine(logs, Question()).answers}
print("evidence:", answers["COMPLETE"], answers["ARTIFACTS MATCH"])
"""


_UNSHARE = shutil.which("unshare") or ""


def _can_mount() -> bool:
    if not _UNSHARE:
        return False
    trial = [_UNSHARE, "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(trial, check=False, capture_output=True).returncode == 0


needs_mount = pytest.mark.skipif(not _can_mount(), reason="this machine lets nobody mount a tmpfs in a namespace")


def on_a_small_disk(directory: Path, script: str) -> subprocess.CompletedProcess[str]:
    command = 'mount -t tmpfs -o size=12m,mode=700 none "$1" && exec "$2" -c "$3" "$1"'
    return subprocess.run(
        [_UNSHARE, "--mount", "--map-root-user", "sh", "-c", command, "sh", directory, sys.executable, script],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


@needs_mount
def test_a_run_that_fills_the_disk_is_still_on_record_and_one_that_finds_it_full_does_not_begin(tmp_path: Path) -> None:
    completed = on_a_small_disk(tmp_path, _SCRIPT)
    hint = "free some space on that file system, then run the command again"
    assert completed.stdout.splitlines() == [
        "filled during the run: pass True False",
        f"full before the run: 5 No space left on device | {hint}",
        "after there is room: True",
        "evidence: yes yes",
    ]
    assert (completed.returncode, completed.stderr) == (0, "")


def test_a_log_directory_that_turns_read_only_ends_the_run_with_5_and_the_findings_in_hand(tmp_path: Path) -> None:
    # The superuser writes everywhere; without its capabilities it is a user like any other.
    plain = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    if plain and not shutil.which(plain[0]):
        pytest.skip("there is no setpriv, and the superuser writes everywhere")
    completed = subprocess.run(
        [*plain, sys.executable, "-c", _READ_ONLY, tmp_path], check=False, capture_output=True, text=True, timeout=120
    )
    hint = "name another directory, or give this one to the user who runs dbops (mode 0700)"
    assert completed.stdout.splitlines() == [
        f"read-only during the run: 5 Permission denied | {hint}",
        "in hand: 5 ['x'] None",
        "read-only before the run: 5",
        "evidence: yes yes",
    ]
    assert (completed.returncode, completed.stderr) == (0, "")
