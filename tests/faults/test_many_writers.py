"""Runs of several processes at once below one log directory, some of them killed in the middle."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from dbops.evidence.answers import Question
from dbops.evidence.examine import examine
from dbops.evidence.run import Run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_WORKER = """
import sys
from pathlib import Path
from dbops.evidence.run import Run

for number in range(int(sys.argv[2])):
    with Run.start("drill", Path(sys.argv[1]), "backup-drill") as run:
        (run.directory / "listing.txt").write_text(str(number))
    print(run.run_id, flush=True)
"""


def _workers(logs: Path, count: int, runs: int) -> list[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _WORKER, str(logs), str(runs)]
    return [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(count)]


def _finished(logs: Path) -> set[str]:
    lines = (logs / "evidence" / "log.jsonl").read_bytes().splitlines()
    records = [json.loads(line)["statement"]["predicate"] for line in lines]
    return {record["runId"] for record in records if record["type"] == "run.finished"}


def _answers(logs: Path) -> dict[str, str]:
    return {it.name.value: it.answer.value for it in examine(logs, Question()).answers}


def test_runs_of_several_processes_make_one_unbroken_chain(tmp_path: Path) -> None:
    workers = _workers(tmp_path / "logs", 4, 15)
    said = [worker.communicate(timeout=120) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0, 0], said
    acknowledged = {line for out, _ in said for line in out.splitlines()}
    assert (len(acknowledged), acknowledged) == (60, _finished(tmp_path / "logs"))
    assert (_answers(tmp_path / "logs")["COMPLETE"], _answers(tmp_path / "logs")["ARTIFACTS MATCH"]) == ("yes", "yes")


def test_killing_writers_in_the_middle_loses_nothing_that_was_acknowledged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "logs"
    acknowledged: set[str] = set()
    dice = random.Random(20260101)  # noqa: S311  (when to kill, not a secret)
    kills = 0
    for _ in range(4):
        workers = _workers(logs, 3, 1000)
        for worker in workers:
            assert worker.stdout is not None
            acknowledged.add(worker.stdout.readline().strip())  # it is at work
        for worker in workers:
            time.sleep(dice.uniform(0, 0.05))
            worker.send_signal(signal.SIGKILL)
            kills += 1
            out, _ = worker.communicate(timeout=60)
            acknowledged |= {line for line in out.splitlines() if len(line) == len("20260101T000000Z-abcdef")}
    with Run.start("drill", logs, "backup-drill"):
        pass
    with capsys.disabled():
        print(f"\n  {kills} writers killed, {len(acknowledged)} runs acknowledged")  # noqa: T201
    assert len(acknowledged) >= kills
    assert acknowledged - _finished(logs) == set()
    assert (_answers(logs)["COMPLETE"], _answers(logs)["ARTIFACTS MATCH"]) == ("yes", "yes")
    assert [path.name for path in (logs / "evidence" / "running").iterdir()] == []
