"""Drills that are ended in the middle: by signals, and by the death of their server. Nothing is left, all is on record.

Other runs on this machine sweep as well: whatever a test finds swept may have been swept by one of those.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from dbops.connection.binaries import find_client, find_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.target import Target

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks at processes through /proc")

PATIENCE = 90.0
# On the copy, and only there (its max_connections says so), an index takes ten minutes to build.
SLEEPS = """
create function slowly(i int) returns int immutable language plpgsql as $$
begin
    if current_setting('max_connections') = '40' then
        perform pg_sleep(600);
    end if;
    return i;
end $$;
create table t (i int);
insert into t select generate_series(1, 10);
create index on t (slowly(i));
"""


@pytest.fixture
def archive(database: Target, run_sql: Any, tmp_path: Path) -> Path:
    run_sql(database, SLEEPS)
    client = find_client(find_server(None, environ=os.environ).version, environ=os.environ, local=True)
    path = tmp_path / "archive"
    command = [client.program("pg_dump"), "--format=custom", f"--file={path}", f"--dbname={database.conninfo()}"]
    subprocess.run(command, check=True)
    return path


class Busy(NamedTuple):
    """A drill that is building the index, the postmaster that it started, and the directories of both."""

    process: subprocess.Popen[bytes]
    postmaster: int
    directories: tuple[Path, Path]


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _await(there: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := there()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
    return found


def _building(process: subprocess.Popen[bytes]) -> Busy | None:
    assert process.poll() is None, "the drill ended before it could be"
    children = {pid: _words(pid) for pid in _children(process.pid)}
    restoring = next((words for words in children.values() if "--section=post-data" in words), None)
    postmaster = next((pid for pid, words in children.items() if "postgres -D " in words), None)
    if restoring is None or postmaster is None:
        return None
    if not any("CREATE INDEX" in _words(pid) for pid in _children(postmaster)):
        return None
    use_list = next(word for word in restoring.split() if word.startswith("--use-list="))
    return Busy(
        process,
        postmaster,
        (Path(use_list.removeprefix("--use-list=")).parent, Path(f"/proc/{postmaster}/cwd").readlink().parent),
    )


def _dbops(*words: str | Path, logs: Path) -> list[str | Path]:
    return [sys.executable, "-m", "dbops", *words, f"--log-dir={logs}"]


@pytest.fixture
def busy(archive: Path, tmp_path: Path) -> Iterator[Busy]:
    """Start a drill and wait until it builds the index."""
    with (
        (tmp_path / "report.json").open("wb") as out,
        subprocess.Popen(
            _dbops("drill", "--artifact", archive, "--json", logs=tmp_path / "logs"),
            stdout=out,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
            # A shell that starts the tests in the background has them ignore signals, and children inherit that.
            preexec_fn=_hear,  # noqa: PLW1509
        ) as process,
    ):
        try:
            yield _await(lambda: _building(process))
        finally:
            process.kill()


def _hear() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def _is_gone(busy: Busy) -> bool:
    """Tell whether no process works in the server's directory any more."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(busy.directories[1]):
                return False
        except OSError:
            continue
    return True


def _next_run(tmp_path: Path, busy: Busy) -> list[str]:
    """Make the next run, check that it has cleared everything away, and return how the runs before it ended."""
    subprocess.run(
        _dbops("drill", "--artifact", tmp_path / "nowhere", logs=tmp_path / "logs"),
        stderr=subprocess.DEVNULL,
        check=False,
        cwd=tmp_path,
    )
    assert _is_gone(busy)
    assert [] == [one for one in busy.directories if one.exists()]
    lines = (tmp_path / "logs" / "evidence" / "log.jsonl").read_text().splitlines()
    predicates = [json.loads(line)["statement"]["predicate"] for line in lines]
    first = next(one["runId"] for one in predicates if one["type"] == "run.started")
    return [one["type"] for one in predicates if one.get("runId") == first]


def test_kill_9_of_dbops_leaves_no_server_and_the_next_run_clears_away_and_records_it(
    busy: Busy, tmp_path: Path
) -> None:
    busy.process.kill()
    assert -signal.SIGKILL == busy.process.wait(PATIENCE)
    _await(lambda: _is_gone(busy))
    assert ["run.started", "run.aborted"] == _next_run(tmp_path, busy)


def test_clean_clears_away_as_well(busy: Busy, tmp_path: Path) -> None:
    busy.process.kill()
    busy.process.wait(PATIENCE)
    _await(lambda: _is_gone(busy))
    dry = subprocess.run(
        [sys.executable, "-m", "dbops", "drill", "clean", "--dry-run"], capture_output=True, check=True
    )
    assert b"removed" not in dry.stdout
    subprocess.run([sys.executable, "-m", "dbops", "drill", "clean"], capture_output=True, check=True)
    assert [] == [one for one in busy.directories if one.exists()]


def test_kill_9_of_the_scratch_server_is_no_verdict_and_leaves_nothing(busy: Busy, tmp_path: Path) -> None:
    os.kill(busy.postmaster, signal.SIGKILL)
    assert 3 == busy.process.wait(PATIENCE)
    report = json.loads((tmp_path / "report.json").read_text())
    assert "inconclusive" == report["restorability"]
    assert "the scratch server ended in the middle of the drill" in report["problem"]["message"]
    assert _is_gone(busy)
    assert [] == [one for one in busy.directories if one.exists()]


def test_sigterm_leaves_nothing_and_is_recorded_as_aborted(busy: Busy, tmp_path: Path) -> None:
    busy.process.send_signal(signal.SIGTERM)
    assert 128 + signal.SIGTERM == busy.process.wait(PATIENCE)
    assert _is_gone(busy)
    assert [] == [one for one in busy.directories if one.exists()]
    assert ["run.started", "run.aborted"] == _next_run(tmp_path, busy)


def test_a_second_sigterm_ends_it_on_the_spot_and_the_next_run_does_the_rest(busy: Busy, tmp_path: Path) -> None:
    for _ in range(2):
        busy.process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    assert busy.process.wait(PATIENCE) in {-signal.SIGTERM, 128 + signal.SIGTERM}
    _await(lambda: _is_gone(busy))
    assert ["run.started", "run.aborted"] == _next_run(tmp_path, busy)
