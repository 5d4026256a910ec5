"""`drill --depth pitr` on a real server: what is archived comes back, what is not is said to be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbops.model import Verdict

from .conftest import answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.model import Report

EVERYTHING = {
    "base-backup": "pass",
    "wal-archived": "pass",
    "wal-complete": "pass",
    "wal-timeline": "pass",
    "recovered-to-time": "pass",
    "row-counts": "pass",
    "row-digests": "pass",
    "recovered-to-tip": "pass",
    "wal-control": "pass",
    "archive-untouched": "pass",
}


def test_an_idle_server_is_recovered_to_a_moment_and_to_its_last_archived_commit(drill: Callable[..., Report]) -> None:
    report = drill()
    assert (report.problem, EVERYTHING) == (None, answers(report))
    assert Verdict.PASS is report.restorability
