"""What a drill costs: against pg_restore alone, into a server of the same kind with the same settings.

All of it in one run, alternating, medians of ratios. `SIZE_MIB` (1024) is the size of the database, `ROUNDS` (3) how
often each is taken. A drill is the whole command: find, hash, provision, restore, counts, amcheck, catalog, negative
control, teardown; pg_restore is timed alone, its server is there already. Digests of every row are priced apart.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.binaries import find_client
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.drill.ahead import SETTINGS

from .test_backup_cost import ROUNDS, SIZE_MIB, _bytes, _fill, _memory

if TYPE_CHECKING:
    from dbops.connection.target import Target

pytestmark = pytest.mark.bench

_MIB = 1 << 20
_SMALL_MIB = 4


@dataclass
class Drilled:
    """Wall and processor seconds of one `dbops drill`, its steps in milliseconds, its largest own memory in MiB."""

    seconds: float
    processor: float
    steps: dict[str, int] = field(default_factory=dict)
    memory: float = 0.0


def _dbops(directory: Path, target: Target, *arguments: str) -> Drilled:
    """Run a command as a user would."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{target.user}@/{target.database}?host={target.host}",
        # Whoever runs it has compiled modules; here they may not be written beside the sources.
        "PYTHONPYCACHEPREFIX": str(directory.parent / "compiled"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = _processor_seconds()
    began = time.perf_counter()
    with (directory / "report.json").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "dbops", *arguments, "--json", "--quiet"],
            env=environment, cwd=directory, stdout=out,
        )  # fmt: skip
        memory = 0.0
        while process.poll() is None:
            memory = max(memory, _memory(process.pid))
            time.sleep(0.05)
    seconds = time.perf_counter() - began
    report = json.loads((directory / "report.json").read_bytes())
    assert process.returncode == 0, report["problem"] or [one for one in report["checks"] if one["status"] != "pass"]
    steps: dict[str, int] = {}
    for step in report["steps"]:
        steps[step["name"]] = steps.get(step["name"], 0) + step["durationMs"]
    return Drilled(seconds, _processor_seconds() - before, steps, memory)


def _processor_seconds() -> float:
    """Return what all children that have ended took, theirs included: less noisy than a clock on a busy machine."""
    used = os.times()
    return used.children_user + used.children_system


def _stored(directory: Path, target: Target, digest: str) -> Path:
    """Return a directory with a backup of `target`, from which it can be drilled."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / "dbops.toml").write_text(f'[objectives]\nrpo = "9999d"\n[drill]\ndigest = "{digest}"\n')
    _dbops(directory, target, "backup")
    return directory


def _drill(directory: Path, target: Target) -> Drilled:
    return _dbops(directory, target, "drill", "--depth", "restore")


def _raw(server: ScratchServer, dump: Path, out: Path) -> Drilled:
    """Return what pg_restore takes alone, into an empty database of a server that is there already."""
    tools = find_client(server.binaries.version, environ=os.environ, local=True)
    with ScratchServer(server.binaries, settings=SETTINGS) as target:
        with scratch(target, "postgres") as connection:
            connection.execute("create database raw template template0")
        url = f"postgresql://{target.superuser}@/raw?host={target.socket_directory}"
        before = _processor_seconds()
        began = time.perf_counter()
        with out.open("wb") as said:
            subprocess.run([tools.program("pg_restore"), "-j2", "-Ox", "-d", url, dump], check=True, stdout=said)
        seconds = time.perf_counter() - began
        target.stop("fast")  # what the server took counts once it has ended
    return Drilled(seconds, _processor_seconds() - before)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_drill_costs_little_more_than_a_restore(
    server: ScratchServer, database: Target, run_sql: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    _fill(database, _SMALL_MIB, run_sql)
    tiny = _stored(tmp_path / "tiny", database, "full")
    _drill(tiny, database)  # compiles the modules of a drill, which nobody else's drill has to
    small = [_drill(tiny, database) for _ in range(ROUNDS)]
    small_raw = [_raw(server, next(tiny.glob("backups/*.dump")), out) for _ in range(ROUNDS)]
    run_sql(database, "drop table part_0, part_1, part_2, part_3")
    _fill(database, SIZE_MIB, run_sql)
    size = _bytes(database, run_sql) / _MIB
    counted, digested = (_stored(tmp_path / mode, database, mode) for mode in ("counts", "full"))
    dump = next(counted.glob("backups/*.dump"))
    raws, counts, digests = [], [], []
    for _ in range(ROUNDS):
        raws.append(_raw(server, dump, out))
        counts.append(_drill(counted, database))
        digests.append(_drill(digested, database))

    def ratio(drills: list[Drilled]) -> str:
        pairs = list(zip(drills, raws, strict=True))
        wall = statistics.median(one.seconds / raw.seconds for one, raw in pairs)
        work = statistics.median(one.processor / raw.processor for one, raw in pairs)
        return f"{wall:.3f} (of processor time: {work:.3f})"

    fixed = _median(small) - _median(small_raw)
    largest = max(one.memory for one in (*counts, *digests))
    smallest = max(one.memory for one in small)
    with capsys.disabled():
        print(f"\n  a database of {size:.0f} MiB, {ROUNDS} rounds, PostgreSQL {server.binaries.version // 10000}")  # noqa: T201
        print(f"  pg_restore -j2 alone: {_median(raws):.1f} s")  # noqa: T201
        print(f"  dbops drill, rows counted / pg_restore -j2: {ratio(counts)}; goal 1.20 at 1 GiB")  # noqa: T201
        print(f"  ... with digests of every row: {ratio(digests)}; goal 1.45 at 1 GiB")  # noqa: T201
        print(f"  fixed cost on {_SMALL_MIB} MiB: {fixed:.2f} s beyond pg_restore (goal 2.50)")  # noqa: T201
        print(f"  own memory: {smallest:.0f} MiB at {_SMALL_MIB} MiB, {largest:.0f} at {size:.0f} MiB (goal 80, flat)")  # noqa: T201
        for name, drills in (("small", small), ("counted", counts), ("digested", digests)):
            print(f"  steps, {name}, ms: {_medians(drills)}")  # noqa: T201
    assert largest < 80
    assert largest < smallest * 1.15


def _median(drills: list[Drilled]) -> float:
    return statistics.median(one.seconds for one in drills)


def _medians(drills: list[Drilled]) -> str:
    names = drills[0].steps
    found = {name: statistics.median(one.steps.get(name, 0) for one in drills) for name in names}
    return ", ".join(f"{name} {value:.0f}" for name, value in found.items() if value >= 20)
