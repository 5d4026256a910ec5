"""`drill --depth pitr` on a real server: what is archived comes back, what is not is said to be lost."""

from __future__ import annotations

import datetime as dt
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
def commits(archiving: Archiving) -> Iterator[list[dt.datetime]]:
    """Somebody who commits all the time, about a segment a second; the times of the commits, by the server's clock."""
    stop = threading.Event()
    done: list[dt.datetime] = []

    def work() -> None:
        with psycopg.connect(archiving.server.target().conninfo(), autocommit=True) as connection:
            connection.execute("create table if not exists work (text text)")
            while not stop.wait(0.02):
                query = "insert into work select repeat(md5(random()::text), 600) returning clock_timestamp()"
                done.append(connection.execute(query).fetchall()[0][0])

    worker = threading.Thread(target=work)
    worker.start()
    yield done
    stop.set()
    worker.join()
    archiving.sql("drop table work")


def test_a_busy_server_is_recovered_and_what_it_would_lose_is_what_it_has_committed_since(
    drill: Callable[..., Report], base_backup: Path, commits: list[dt.datetime]
) -> None:
    report = drill(base_backup=base_backup)
    found = answers(report)
    rows = {found.pop("row-counts"), found.pop("row-digests")}
    assert {name: status for name, status in EVERYTHING.items() if not name.startswith("row-")} == found
    # A commit may fall between the snapshot and the moment, and then the rows differ without anything being wrong.
    assert rows <= {"pass", "skip"}
    assert Verdict.PASS is report.restorability
    rpo = rpo_of(report)
    last, measured_at = (
        dt.datetime.fromisoformat(str(rpo.inputs[name])) for name in ("last_archived_commit", "measured_at")
    )
    lost = [at for at in commits if last < at < measured_at]
    # The last canary was sent in that time too; one more commit may be on its way when either clock is read.
    assert int(rpo.inputs["transactions_lost"] or 0) == pytest.approx(len(lost) + 1, abs=1)
    truth = round((measured_at - min([*lost, measured_at])).total_seconds() * 1000)
    assert truth <= (rpo.now_ms or 0)
    assert sum(at <= last for at in commits) == pytest.approx(int(rpo.inputs["commits_archived"] or 0), abs=6)


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
