"""A copy is ready when the planner knows its tables and the disk holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.session import scratch
from dbops.drill.settle import PHASE, share_out
from dbops.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.target import Target
    from dbops.model import Report
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]
    Drill = Callable[..., Report]

_PLAIN = (
    "create table a (id int primary key, n int); insert into a select i, i % 7 from generate_series(1, 2000) as i;"
    "create table b (id int, n int); insert into b select i, i from generate_series(1, 300) as i;"
    "create index on b ((n % 3)); create materialized view m as select n from a"
)
_CHILDREN = (
    "create table p (k int, v text) partition by list (k); create table p1 partition of p for values in (1);"
    "insert into p select 1, i::text from generate_series(1, 500) as i"
)


@pytest.mark.parametrize(
    ("weights", "number", "expected"),
    [
        ([9, 5, 4, 1], 2, [[9, 1], [5, 4]]),
        ([3], 2, [[3]]),
        ([], 2, [[]]),
        ([0, 0, 0, 0], 2, [[0, 0], [0, 0]]),
        ([5, 4], 1, [[5, 4]]),
    ],
)
def test_things_are_shared_out_by_weight(weights: list[int], number: int, expected: list[list[int]]) -> None:
    assert expected == share_out(weights, number, lambda one: one)


@pytest.mark.parametrize("made", [_PLAIN, _PLAIN + ";" + _CHILDREN], ids=["plain", "with partitions"])
def test_every_table_is_analyzed_once_and_so_is_the_catalog(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    run_sql(database, made)
    found: list[tuple[Any, ...]] = []
    answer = __import__("dbops.drill.restore", fromlist=["first_answer"]).first_answer

    def look(rehearsal: Any, rehearsed: Any, manifest: Any) -> None:
        with scratch(rehearsed.copy.server, rehearsed.copy.database) as connection:
            connection.execute("select pg_stat_force_next_flush()")
            found.extend(
                connection.execute(
                    "select relname::text, analyze_count from pg_stat_all_tables"
                    " where schemaname = 'public' or relname = 'pg_class'"
                ).fetchall()
            )
        answer(rehearsal, rehearsed, manifest)

    monkeypatch.setattr("dbops.drill.restore.first_answer", look)
    report = drill(back_up(database))
    assert {1} == {number for name, number in found if name != "p"}
    assert {"a", "b", "m", "pg_class"} <= {name for name, _ in found}
    rto = next(one for one in report.objectives if one.id == "rto")
    assert PHASE in rto.inputs
    assert Verdict.PASS is report.restorability
