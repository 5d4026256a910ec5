"""A server is made while the archive is looked at, and never outlives who wanted it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dbops.connection.session import scratch
from dbops.drill.ahead import PHASE, ServerAhead, begun_early, server_ahead
from dbops.drill.options import DrillOptions
from dbops.drill.passes import Stopwatch
from dbops.errors import ProgramMissingError
from dbops.evidence.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbops.connection.binaries import Binaries
    from dbops.connection.target import Target
    from dbops.model import Report
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Run.start("drill", tmp_path / "logs", "backup-drill") as run:
        yield run


def test_a_server_made_ahead_is_taken_and_gone_at_the_end(run: Run, binaries: Binaries) -> None:
    watch = Stopwatch(run)
    with ServerAhead(run, binaries) as ahead:
        server = ahead.take(binaries, watch)
        assert server
        with scratch(server, "postgres") as connection:
            assert [(1,)] == connection.execute("select 1").fetchall()
    assert (True, False) == (server.ended, server.directory.exists())
    assert watch.phases[PHASE] > 0


def test_one_of_other_programs_is_gone_before_another_is_made(run: Run, binaries: Binaries, tmp_path: Path) -> None:
    watch = Stopwatch(run)
    with ServerAhead(run, binaries) as ahead:
        assert ahead.take(replace(binaries, directory=tmp_path), watch) is None
        assert not ahead._wanted.directory.exists()
    assert {} == watch.phases


def _interrupt(ahead: ServerAhead) -> None:
    ahead._making.result()
    raise KeyboardInterrupt


def test_a_block_that_is_left_by_an_error_leaves_no_server(run: Run, binaries: Binaries) -> None:
    ahead = ServerAhead(run, binaries)
    with pytest.raises(KeyboardInterrupt), ahead:
        _interrupt(ahead)
    server = ahead._making.result()
    assert (True, False) == (server.ended, server.directory.exists())


def test_a_block_that_is_left_by_an_error_does_not_wait_for_the_server(
    run: Run, binaries: Binaries, tmp_path: Path
) -> None:
    slow = tmp_path / "bin"
    slow.mkdir()
    for name in ("initdb", "postgres"):
        (slow / name).write_text("#!/bin/sh\nexec sleep 60\n")
        (slow / name).chmod(0o755)
    ahead = ServerAhead(run, replace(binaries, directory=slow))
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), ahead:
        raise KeyboardInterrupt
    assert time.monotonic() - started < 10
    assert not ahead._wanted.directory.exists()


def test_a_server_that_cannot_be_made_is_told_to_who_takes_it_and_to_nobody_else(
    run: Run, binaries: Binaries, tmp_path: Path
) -> None:
    watch = Stopwatch(run)
    nowhere = replace(binaries, directory=tmp_path)
    with ServerAhead(run, nowhere) as ahead, pytest.raises(ProgramMissingError):
        ahead.take(nowhere, watch)
    with ServerAhead(run, nowhere) as ahead:
        assert ahead.take(binaries, watch) is None


def test_a_server_that_was_begun_for_other_programs_is_replaced(
    run: Run, binaries: Binaries, tmp_path: Path, database: Target, back_up: Callable[..., StoredBackup]
) -> None:
    manifest = back_up(database).manifest
    begun = ServerAhead(run, replace(binaries, directory=tmp_path))
    with begun, server_ahead(manifest, run, DrillOptions(), begun) as made:
        assert made
        assert made is not begun
        assert made.take(made.binaries, Stopwatch(run))
    with ServerAhead(run, made.binaries) as begun, server_ahead(manifest, run, DrillOptions(), begun) as kept:
        assert kept is begun


def test_a_server_is_begun_for_the_newest_backup_that_has_the_name(
    run: Run, store: LocalStore, database: Target, back_up: Callable[..., StoredBackup]
) -> None:
    with begun_early(store, database.database, run, DrillOptions()) as nothing:
        assert nothing is None
    back_up(database)
    with begun_early(store, "another", run, DrillOptions()) as nothing:
        assert nothing is None
    with begun_early(store, database.database, run, DrillOptions()) as begun:
        assert begun
        assert begun.take(begun.binaries, Stopwatch(run))
        assert not begun._wanted.ended
    assert begun._wanted.ended


def test_the_whole_time_of_the_server_counts_towards_the_recovery(
    database: Target, back_up: Callable[..., StoredBackup], drill: Callable[..., Report]
) -> None:
    report = drill(back_up(database))
    rto = next(one for one in report.objectives if one.id == "rto")
    steps = {step.name: step.duration_ms for step in report.steps}
    assert steps[PHASE] == rto.inputs[PHASE] > steps["provision"]


def test_a_restore_has_jobs_for_every_processor_and_no_more_than_four() -> None:
    assert min(4, 2 * len(os.sched_getaffinity(0))) >= DrillOptions().jobs >= 2
