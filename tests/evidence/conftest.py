"""Keys, clocks and finished runs for the tests of what is kept."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbops.evidence import keys
from dbops.evidence.run import Clock, Run
from dbops.model import Objective, ObjectiveStatus, TargetInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.evidence.keys import Signer
    from dbops.model import Report

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "verify-evidence.md"
TARGET = TargetInfo(host="db", port=5432, database="erp", user="auditor", system_identifier="7300000000000000001")


@dataclass
class Moving:
    """A clock that the test moves; every look at it costs a second."""

    moment: dt.datetime = field(default_factory=lambda: dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    seconds: float = 1000.0

    def now(self) -> dt.datetime:
        self.moment += dt.timedelta(seconds=1)
        return self.moment

    def monotonic(self) -> float:
        self.seconds += 0.25
        return self.seconds

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.monotonic)


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return keys.generate(tmp_path_factory.mktemp("keys") / "evidence.pem")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def moving() -> Moving:
    return Moving()


@pytest.fixture
def finished(logs: Path, signer: Signer, moving: Moving) -> Callable[..., Report]:
    """Return a function that makes one signed run with an artifact and an objective, a day after the one before."""

    def make(*, command: str = "drill", met: bool = True, signed: bool = True, directory: Path | None = None) -> Report:
        moving.moment += dt.timedelta(days=1)
        status = ObjectiveStatus.MET if met else ObjectiveStatus.MISSED
        with Run.start(
            command,
            directory or logs,
            "backup-drill",
            signer=signer if signed else None,
            clock=moving.clock,
        ) as run:
            run.target = TARGET
            (run.directory / "listing.txt").write_text(f"listing of {run.run_id}\n")
            run.add_objective(
                Objective(id="rto", scenario="restore", status=status, value_ms=90, limit_ms=100, method="timed")
            )
        return run.report

    return make


@pytest.fixture
def shell(logs: Path, signer: Signer, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the commands of the page on a report and a checkpoint that was kept."""
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    (tmp_path / "key.pem").write_bytes(keys.public_pem(signer))
    work = tmp_path / "work"
    work.mkdir()

    def run(report: Path, older: Path) -> subprocess.CompletedProcess[str]:
        settings = f"set -e; REPORT='{report}'; KEY='{tmp_path / 'key.pem'}'; LOGS='{logs}'; OLDER='{older}'\n"
        return subprocess.run(
            ["/bin/sh", "-c", settings + commands], check=False, capture_output=True, text=True, cwd=work
        )

    return run
