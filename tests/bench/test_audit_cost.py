"""What a whole `dbops audit` costs on many tables, beside SQL that asks the same questions one by one.

`SIZES` are the numbers of tables, `ROUNDS` how often each is timed, `PEER_SQL` files with another tool's SQL, separated
by colons. What is compared takes turns within one run; printed are medians. Seconds are asserted only where nobody else
kept the machine busy when it began; memory, round trips and ratios are asserted everywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from conftest import Cost, FarAway
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

pytestmark = pytest.mark.bench

SIZES = tuple(int(size) for size in os.environ.get("SIZES", "1000,10000").split(","))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
PEERS = tuple(Path(name) for name in os.environ.get("PEER_SQL", "").split(":") if name)
QUESTIONS = Path(__file__).with_name("questions.sql")

BUSY = os.getloadavg()[0] > 1  # others at work when this began
GOAL_SECONDS = {10_000: 1.5, 50_000: 6.0}
GOAL_MIB = {10_000: 128, 50_000: 400}
GOAL_SLOPE = 5.5  # 50,000 tables against 10,000
GOAL_TRIPS = 5  # beyond connecting
DELAY = 0.020

PASSED, FOUND = 0, 1


@dataclass
class Timed:
    """One size: what the audit cost, round by round, and the seconds of everything else by its name."""

    audit: list[Cost] = field(default_factory=list)
    server_seconds: list[float] = field(default_factory=list)
    others: dict[str, list[float]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return statistics.median(cost.seconds for cost in self.audit)

    @property
    def peak_mib(self) -> float:
        return max(cost.peak_mib for cost in self.audit)

    def ratio(self, other: str) -> float:
        pairs = zip(self.audit, self.others[other], strict=True)
        return statistics.median(cost.seconds / seconds for cost, seconds in pairs)

    def row(self, size: int) -> str:
        """Return a row of the table in docs/benchmarks.md."""
        processor = statistics.median(cost.processor_seconds for cost in self.audit)
        mine = (
            f"| {size:,} | {self.seconds:.2f} s | {processor:.2f} s | {statistics.median(self.server_seconds):.2f} s |"
        )
        return f"{mine} {self.peak_mib:.0f} MiB |"


@pytest.fixture
def audit(cost_of: Callable[..., Cost], url_of: Callable[..., str]) -> Callable[..., Cost]:
    """Run `dbops audit` as a person would, and return what the process cost."""

    def run(target: Target, directory: Path | None = None) -> Cost:
        cost = cost_of([sys.executable, "-m", "dbops", "audit", "--database-url", url_of(target, directory)])
        assert cost.exit_code in {PASSED, FOUND}
        return cost

    return run


def test_the_audit_of_many_tables_takes_seconds_and_little_memory(
    bench_server: ScratchServer,
    many_tables: Callable[[int], Target],
    audit: Callable[..., Cost],
    cost_of: Callable[..., Cost],
    url_of: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    psql = shutil.which("psql")
    others = {path.name: path for path in (QUESTIONS, *PEERS)} if psql else {}
    timed = {size: Timed() for size in SIZES}
    for size in SIZES:
        target = many_tables(size)
        audit(target)  # once untimed: what the machine keeps in its caches is there for everybody
        for _ in range(ROUNDS):
            position = bench_server.log_path.stat().st_size
            timed[size].audit.append(audit(target))
            timed[size].server_seconds.append(logged_seconds(bench_server.log_path, position))
            for name, path in others.items():
                asked = cost_of([psql or "", "-X", "-q", "-d", url_of(target), "-f", path])
                timed[size].others.setdefault(name, []).append(asked.seconds)
    with capsys.disabled():
        print("\n" + "\n".join(told(timed)))  # noqa: T201
    assert [size for size in SIZES if timed[size].peak_mib > GOAL_MIB.get(size, 1000)] == []
    if {10_000, 50_000} <= timed.keys():
        assert timed[50_000].seconds / timed[10_000].seconds <= GOAL_SLOPE
    if not BUSY:
        assert [size for size in SIZES if timed[size].seconds > GOAL_SECONDS.get(size, 60)] == []


def logged_seconds(log: Path, position: int) -> float:
    """Return how long the server worked for dbops, or waited for it, since its log was so long."""
    with log.open("rb") as file:
        file.seek(position)
        entries = [json.loads(line) for line in file]
    said = [entry["message"] for entry in entries if entry.get("application_name", "").startswith("dbops/")]
    return sum(float(text.split()[1]) for text in said if text.startswith("duration: ")) / 1000


def told(timed: dict[int, Timed]) -> Iterable[str]:
    """Yield the results as Markdown."""
    crowd = ", others at work" if BUSY else ""
    yield f"{ROUNDS} rounds each, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}{crowd}"
    names = list(next(iter(timed.values())).others)
    yield "| tables | whole audit | its processor time | server | peak memory |" + "".join(
        f" {name} | audit ÷ {name} |" for name in names
    )
    yield "|---:" * (5 + 2 * len(names)) + "|"
    for size, it in timed.items():
        yield it.row(size) + "".join(
            f" {statistics.median(it.others[name]):.2f} s | {it.ratio(name):.2f} |" for name in names
        )
    for size, it in timed.items():
        if size in GOAL_SECONDS:
            yield goal(f"{size:,} tables: {it.seconds:.2f} s", it.seconds, GOAL_SECONDS[size], "s")
            yield goal(f"{size:,} tables: {it.peak_mib:.0f} MiB", it.peak_mib, GOAL_MIB[size], "MiB")
    if {10_000, 50_000} <= timed.keys():
        slope = timed[50_000].seconds / timed[10_000].seconds
        yield goal(f"50,000 against 10,000 tables: {slope:.1f} times", slope, GOAL_SLOPE, "times")


def goal(said: str, value: float, limit: float, unit: str) -> str:
    return f"{said}: {'reached' if value <= limit else 'MISSED'} (goal {limit:g} {unit})"


def test_a_distant_server_costs_the_audit_a_handful_of_round_trips(
    far_away: Callable[[float], AbstractContextManager[FarAway]],
    many_tables: Callable[[int], Target],
    audit: Callable[..., Cost],
    url_of: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = many_tables(SIZES[0])
    with far_away(DELAY) as server:
        psycopg.connect(url_of(target, server.socket.parent)).close()
        connecting, server.trips = server.trips, 0
        away = audit(target, server.socket.parent)
    beyond = server.trips - connecting
    near = audit(target)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  {DELAY * 1000:.0f} ms away: {beyond} round trips beyond connecting (goal {GOAL_TRIPS});"
            f" {away.seconds:.2f} s in all, {near.seconds:.2f} s near by"
        )
    assert beyond <= GOAL_TRIPS


def test_the_audit_of_a_tiny_database_is_not_much_more_than_asking_it_anything(
    many_tables: Callable[[int], Target],
    audit: Callable[..., Cost],
    cost_of: Callable[..., Cost],
    url_of: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = many_tables(1)
    ask = "import sys, psycopg\nwith psycopg.connect(sys.argv[1]) as c: c.execute('select 1').fetchall()"
    audits, asked = [], []
    for _ in range(2 * ROUNDS):
        audits.append(audit(target).seconds)
        asked.append(cost_of([sys.executable, "-c", ask, url_of(target)]).seconds)
    ratio = statistics.median(one / other for one, other in zip(audits, asked, strict=True))
    with capsys.disabled():
        print(  # noqa: T201
            f"\n  one table: {statistics.median(audits):.2f} s, a script with `select 1`"
            f" {statistics.median(asked):.2f} s, {ratio:.1f} times (goal 2)"
        )
