"""A file system that really fills up: a tmpfs of a few megabytes, mounted in a namespace of its own."""

from __future__ import annotations

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


_UNSHARE = shutil.which("unshare") or ""


def _can_mount() -> bool:
    if not _UNSHARE:
        return False
    trial = [_UNSHARE, "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(trial, check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="this machine lets nobody mount a tmpfs in a namespace")
def test_a_run_that_fills_the_disk_is_still_on_record_and_one_that_finds_it_full_does_not_begin(tmp_path: Path) -> None:
    command = 'mount -t tmpfs -o size=12m,mode=700 none "$1" && exec "$2" -c "$3" "$1"'
    completed = subprocess.run(
        [_UNSHARE, "--mount", "--map-root-user", "sh", "-c", command, "sh", tmp_path, sys.executable, _SCRIPT],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    hint = "free some space on that file system, then run the command again"
    assert completed.stdout.splitlines() == [
        "filled during the run: pass True False",
        f"full before the run: 5 No space left on device | {hint}",
        "after there is room: True",
        "evidence: yes yes",
    ]
    assert (completed.returncode, completed.stderr) == (0, "")
