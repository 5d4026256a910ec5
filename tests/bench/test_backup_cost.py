"""What proving a backup costs: against pg_dump alone, and against the four commands an operator would chain.

All of it in one run, alternating, medians of ratios. `SIZE_MIB` (1024) is the size of the database, `ROUNDS` (3) how
often each is taken. Rows are only counted in the comparison; the digests are taken once more and priced apart.
"""

from __future__ import annotations

import json
import os
import resource
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

if TYPE_CHECKING:
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

pytestmark = pytest.mark.bench

SIZE_MIB = int(os.environ.get("SIZE_MIB", "1024"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
_MIB = 1 << 20
# Fills about 1 MiB of heap for each 4,700 rows: numbers, moments, a name, a sentence.
_ROWS_PER_MIB = 4700
_FILL = """
create table part_{part} (id bigint primary key, org int not null, at timestamptz not null, amount numeric(12, 2),
    name text not null, note text);
insert into part_{part} select i, i % 97, timestamptz '2026-01-01 00:00:00+00' + i * interval '1 minute',
    (i * 7919 % 1000003) / 100.0, md5(i::text),
    'order ' || i || ' of customer ' || i % 5003 || repeat(' and', (i % 40)::int)
from generate_series(1, {rows}::bigint) as i;
"""


def _fill(target: Target, mebibytes: int, run_sql: Any) -> None:
    for part in range(4):
        run_sql(target, _FILL.format(part=part, rows=mebibytes * _ROWS_PER_MIB // 4))
    run_sql(target, "vacuum analyze")


def _bytes(target: Target, run_sql: Any) -> int:
    return int(run_sql(target, "select pg_database_size(current_database())")[0][0])


@dataclass
class Measured:
    """Wall and processor seconds of one `dbops backup`, its steps in milliseconds, and its largest own memory in MiB.

    Processor time is of the programs, without the server's.
    """

    seconds: float
    processor: float
    steps: dict[str, int] = field(default_factory=dict)
    memory: float = 0.0


# The command itself, with its full read taken out; there is no such flag, since a backup without it proves little.
_WITHOUT_DECODE = """
import sys
from dbops.__main__ import main
from dbops.backup import making, proving
making.worth_following = lambda tables: False
proving.read_whole = lambda *_: []
sys.exit(main())
"""


def _backup(target: Target, directory: Path, digest: str, *, decode: bool = True) -> Measured:
    """Run the command as a user would; its configuration says how much of the rows is read."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / "dbops.toml").write_text(f'[drill]\ndigest = "{digest}"\n')
    environment = {**os.environ, "DATABASE_URL": f"postgresql://{target.user}@/{target.database}?host={target.host}"}
    began, before = time.perf_counter(), _processor()
    with (directory / "report.json").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *(("-m", "dbops") if decode else ("-c", _WITHOUT_DECODE)), "backup", "--json", "--quiet"],
            env=environment, cwd=directory, stdout=out,
        )  # fmt: skip
        memory = 0.0
        while process.poll() is None:
            memory = max(memory, _memory(process.pid))
            time.sleep(0.05)
    seconds, processor = time.perf_counter() - began, _processor() - before
    report = json.loads((directory / "report.json").read_bytes())
    assert (0, "pass") == (process.returncode, report["verdict"])
    return Measured(seconds, processor, {step["name"]: step["durationMs"] for step in report["steps"]}, memory)


def _memory(pid: int) -> float:
    """Return the largest resident size of a process so far, in MiB; 0 once it has gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(found[0]) / 1024 if found else 0.0


def _processor() -> float:
    """Return the processor time of all programs that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timed(*commands: list[str | Path], out: Path) -> Measured:
    began, before = time.perf_counter(), _processor()
    for command in commands:
        with out.open("wb") as said:
            subprocess.run(command, check=True, stdout=said)
    return Measured(time.perf_counter() - began, _processor() - before)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_proven_backup_costs_little_more_than_a_dump(
    server: ScratchServer, database: Target, run_sql: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = find_client(server.binaries.version, environ=os.environ, local=True)
    small = _small_memory(database, run_sql, tmp_path)
    _fill(database, SIZE_MIB, run_sql)
    size = _bytes(database, run_sql) / _MIB
    dump, out = tmp_path / "raw.dump", tmp_path / "out"
    url = f"postgresql://{database.user}@/{database.database}?host={database.host}"
    raw: list[str | Path] = [tools.program("pg_dump"), "-Fc", "-d", url, "-f", dump]
    restore = tools.program("pg_restore")
    chain: list[list[str | Path]] = [
        raw, ["sha256sum", dump], [restore, "--list", dump], [restore, "-f", "/dev/null", dump],
    ]  # fmt: skip
    raws, chains, ours, undecoded = [], [], [], []
    for _ in range(ROUNDS):
        raws.append(_timed(raw, out=out))
        ours.append(_backup(database, tmp_path / "ours", "counts"))
        undecoded.append(_backup(database, tmp_path / "ours", "counts", decode=False))
        chains.append(_timed(*chain, out=out))
    digested = _backup(database, tmp_path / "ours", "full")

    def ratio(measured: list[Measured], against: list[Measured]) -> float:
        return statistics.median(one.seconds / other.seconds for one, other in zip(measured, against, strict=True))

    figures = {
        "dbops backup / pg_dump, same codec": (ratio(ours, raws), 1.10),
        "... without the full decode": (ratio(undecoded, raws), 1.05),
        "dbops backup / pg_dump && sha256sum && pg_restore --list && -f /dev/null": (ratio(ours, chains), 0.97),
    }
    with capsys.disabled():
        print(f"\n  a database of {size:.0f} MiB, {ROUNDS} rounds, PostgreSQL {server.binaries.version // 10000}")  # noqa: T201
        for what, measured in (("pg_dump alone", raws), ("the chain", chains), ("dbops backup", ours)):
            each = ", ".join(f"{one.seconds:.1f} s ({one.processor:.1f})" for one in measured)
            print(f"  {what}, and of processor time: {each}; load {os.getloadavg()[0]:.1f}")  # noqa: T201
        for what, (found, goal) in figures.items():
            print(f"  {what}: {found:.3f} (goal {goal:.2f})")  # noqa: T201
        beside = digested.seconds / statistics.median(one.seconds for one in ours)
        print(  # noqa: T201
            f"  digests of every row: {digested.steps['read rows'] / 1000:.1f} s beside the dump, the run {beside:.2f}"
            f" times as long; counts: {ours[-1].steps['read rows'] / 1000:.1f} s; hash: {ours[-1].steps['hash']} ms;"
            f" full read, after the dump: {ours[-1].steps['read whole archive']} ms"
        )
        largest = max(one.memory for one in (*ours, digested))
        print(f"  own memory: {small:.0f} MiB at 16 MiB, {largest:.0f} MiB at {size:.0f} MiB (goal 80, flat)")  # noqa: T201
    assert largest < 80
    assert largest < small * 1.15


def _small_memory(database: Target, run_sql: Any, tmp_path: Path) -> float:
    _fill(database, 16, run_sql)
    memory = _backup(database, tmp_path / "ours", "full").memory
    run_sql(database, "drop table part_0, part_1, part_2, part_3")
    return memory
