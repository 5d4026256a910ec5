"""`drill --depth pitr` on a real server: what is archived comes back, what is not is said to be lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from dbops.model import ObjectiveStatus, Verdict

from .conftest import EVERYTHING, answers, check_of, rpo_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbops.model import Report

    from .conftest import Archiving


@pytest.fixture
def busy(archiving: Archiving) -> Iterator[None]:
    """Somebody who commits all the time, about a segment a second."""
    stop = threading.Event()

    def work() -> None:
        with psycopg.connect(archiving.server.target().conninfo(), autocommit=True) as connection:
            connection.execute("create table if not exists work (text text)")
            while not stop.wait(0.02):
                connection.execute("insert into work select repeat(md5(random()::text), 600)")

    worker = threading.Thread(target=work)
    worker.start()
    yield
    stop.set()
    worker.join()
    archiving.sql("drop table work")


@pytest.mark.usefixtures("busy")
def test_a_busy_server_is_recovered_and_its_rows_are_not_guessed_at(
    drill: Callable[..., Report], base_backup: Path
) -> None:
    report = drill(base_backup=base_backup)
    found = answers(report)
    rows = {found.pop("row-counts"), found.pop("row-digests")}
    assert {name: status for name, status in EVERYTHING.items() if not name.startswith("row-")} == found
    # A commit may fall between the snapshot and the moment, and then the rows differ without anything being wrong.
    assert rows <= {"pass", "skip"}
    assert Verdict.PASS is report.restorability
    rpo = rpo_of(report)
    assert int(rpo.inputs["commits_archived"] or 0) > 2
    assert int(rpo.inputs["transactions_lost"] or 0) >= 1


def test_without_canaries_nothing_is_written_and_what_is_archived_is_recovered(
    archiving: Archiving, drill: Callable[..., Report], base_backup: Path
) -> None:
    archiving.commit()
    archiving.sql("select pg_switch_wal()")
    begun = archiving.sql("select pg_snapshot_xmax(pg_current_snapshot())::text")
    report = drill(canary=False, base_backup=base_backup)
    assert begun == archiving.sql("select pg_snapshot_xmax(pg_current_snapshot())::text")
    assert ("pass", None) == (answers(report)["recovered-to-tip"], answers(report).get("recovered-to-time"))
    assert Verdict.PASS is report.restorability
    assert any("--canary" in text for text in report.not_tested)
    assert (ObjectiveStatus.MET, 0) == (rpo_of(report).status, rpo_of(report).now_ms)


def test_what_is_lost_on_an_idle_server_is_nothing_whatever_the_age_of_its_archive(
    archiving: Archiving, drill: Callable[..., Report], base_backup: Path
) -> None:
    archiving.commit()
    archiving.sql("select pg_switch_wal()")
    archiving.sql("checkpoint")  # moves the end of the log, and commits nothing
    rpo = rpo_of(drill(canary=False, base_backup=base_backup))
    assert (0, 0) == (rpo.now_ms, rpo.inputs["transactions_lost"])


def test_a_drill_takes_a_base_backup_of_its_own_and_does_not_pass_it_off_as_one_to_rely_on(
    drill: Callable[..., Report],
) -> None:
    report = drill()
    assert EVERYTHING == answers(report)
    rpo = rpo_of(report)
    assert (ObjectiveStatus.NOT_MEASURED, 0) == (rpo.status, rpo.inputs["base_backups"])
    assert "log alone restores nothing" in rpo.method


def test_without_archive_timeout_nothing_bounds_what_is_lost(
    archiving: Archiving, drill: Callable[..., Report], base_backup: Path
) -> None:
    archiving.sql("alter system set archive_timeout = 0", "select pg_reload_conf()")
    rpo = rpo_of(drill(base_backup=base_backup))
    assert (ObjectiveStatus.MISSED, None) == (rpo.status, rpo.bound_ms)
    assert "alter system set archive_timeout" in rpo.method


def test_a_canary_that_was_not_recovered_fails(
    drill: Callable[..., Report], base_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbops.drill.pitr.recovery import RecoveredServer

    monkeypatch.setattr(RecoveredServer, "has", lambda *_: False)
    report = drill(base_backup=base_backup)
    assert (Verdict.FAIL, "fail") == (report.restorability, answers(report)["recovered-to-tip"])
    assert ["canary A"] == [one.object for one in check_of(report, "recovered-to-time").findings]
