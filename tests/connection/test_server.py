"""The throw-away server, in every situation it has to work in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.target import Target

    RunSql = Callable[[Target, str], list[tuple[Any, ...]]]


def test_each_test_gets_an_empty_database(database: Target, run_sql: RunSql) -> None:
    run_sql(database, "create table t (n int); insert into t values (1)")
    assert run_sql(database, "select count(*) from pg_class where relname = 't'") == [(1,)]


def test_another_test_sees_nothing_of_it(database: Target, run_sql: RunSql) -> None:
    assert run_sql(database, "select count(*) from pg_class where relname = 't'") == [(0,)]


def test_a_command_returns_no_rows(database: Target, run_sql: RunSql) -> None:
    assert run_sql(database, "select 1; create table t (n int)") == []
