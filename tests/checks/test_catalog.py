"""The snapshot: one round trip, failures apart, the same however it was made or kept."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import pq

from dbops.checks.catalog import (
    Catalog,
    Constraint,
    Index,
    Publication,
    ReadFailedError,
    Relation,
    RowPolicy,
    TableColumns,
)
from dbops.checks.catalog.pipeline import run_apart, take_in
from dbops.checks.catalog.read import read_catalog
from dbops.checks.catalog.reads import reads
from dbops.checks.catalog.rows import ROW_CLASSES
from dbops.checks.catalog.rows.base import GATHERED
from dbops.connection.session import read_only
from dbops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

MIXED = """
create table parent (id bigint primary key, code text collate "C" not null unique);
create table child (
    id int generated always as identity primary key, parent_id bigint references parent on delete cascade,
    twice int generated always as (1 + 1) stored, gone int, at date default now(), tags text[]
) partition by range (id);
alter table child drop column gone;
create table child_1 partition of child for values from (0) to (100);
create index child_at on child (at desc nulls last) include (parent_id) where at is not null;
create index on child_1 using gin (tags) with (fastupdate = off);
alter table child enable row level security;
create policy own on child for select using (parent_id = 1);
create publication changes for table parent;
create view looking as select * from parent;
create unlogged table scratch ("Odd, name" text, "br{a}ce" text);
"""


@pytest.fixture
def mixed(database: Target, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog]) -> Catalog:
    run_sql(database, MIXED)
    return snapshot(database)


def test_every_statement_has_a_class_and_every_class_a_statement() -> None:
    directory = reads()[Relation].statement(180000)
    assert "with scope as" in directory
    assert [read.name for read in reads().values()] == sorted(
        n for n, row in ROW_CLASSES.items() if row not in GATHERED
    )


@pytest.mark.parametrize("major", range(12, 19))
def test_every_read_has_a_statement_for_every_major(major: int) -> None:
    statements = [read.statement(major * 10_000) for read in reads().values()]
    assert all("select" in statement for statement in statements)


def test_variants_for_older_servers_are_chosen_by_file_name() -> None:
    index = reads()[Index]
    assert "indnullsnotdistinct" in index.statement(150_000)
    assert "indnullsnotdistinct" not in index.statement(149_999)
    assert "conenforced" in reads()[Constraint].statement(180_000)
    assert "conenforced" not in reads()[Constraint].statement(170_000)


def test_tables_columns_and_indexes_are_what_was_made(mixed: Catalog) -> None:
    child = mixed.relation_named("public", "child")
    part = mixed.relation_named("public", "child_1")
    assert child is not None
    assert part is not None
    assert (child.kind, child.rls_enabled, child.partition_columns, part.parent) == ("p", True, (1,), child.oid)
    columns = mixed.columns(child.oid)
    assert [column.name for column in columns.values()] == ["id", "parent_id", "twice", "at", "tags"]
    assert (columns[1].identity, columns[1].not_null, columns[3].generated, columns[5].has_default) == (
        "a",
        True,
        "s",
        True,
    )
    by_name = {index.name: index for index in mixed.indexes_of(child.oid)}
    index = by_name["child_at"]
    assert (index.kind, index.columns, index.key_count, index.options) == ("I", (5, 2), 1, (1,))
    assert index.predicate == "(at IS NOT NULL)"
    assert [part.table for part in mixed.index_parts[index.oid]] == [part.oid]


def test_odd_column_names_survive_the_arrays_they_travel_in(mixed: Catalog) -> None:
    table = mixed.relation_named("public", "scratch")
    assert table is not None
    assert mixed.column_names(table.oid, (1, 2)) == ("Odd, name", "br{a}ce")


def test_temporary_system_and_extension_owned_tables_are_out_of_scope(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog]
) -> None:
    run_sql(
        database,
        "create table mine (id int); create table theirs (id int primary key); create extension pg_trgm;"
        " alter extension pg_trgm add table theirs",
    )
    catalog = snapshot(database)
    assert [relation.name for relation in catalog.rows(Relation)] == ["mine"]
    assert catalog.rows(Index) == ()


def test_a_kept_catalog_read_back_is_the_same(mixed: Catalog) -> None:
    document = json.loads(json.dumps(mixed.to_json()))
    again = Catalog.from_json(document)
    for kind in reads():
        assert again.rows_if_readable(kind) == mixed.rows_if_readable(kind)
    assert again.to_json() == mixed.to_json()
    assert again.server == mixed.server


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(schema="dbops/report/v1"),
        lambda document: document["reads"].update(gossip=[]),
        lambda document: document["reads"].update(relations=[[1, 2]]),
        lambda document: document["reads"]["relations"][0].__setitem__(0, None),
        lambda document: document["reads"]["columns"][0].__setitem__(1, ["1"]),
        lambda document: document.pop("server"),
    ],
)
def test_what_is_no_catalog_of_ours_is_refused(change: Callable[[dict[str, Any]], Any], mixed: Catalog) -> None:
    document = mixed.to_json()
    change(document)
    with pytest.raises(UsageError):
        Catalog.from_json(document)


def test_a_read_without_privilege_fails_alone_and_its_grant_mends_it(
    database: Target, server: ScratchServer, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog]
) -> None:
    run_sql(
        database,
        'create role "odd role" login; create table t (id int primary key);'
        " revoke select on pg_catalog.pg_publication from public",
    )
    unprivileged = server.target(database.database, user="odd role")
    catalog = snapshot(unprivileged)
    failure = catalog.failure(Publication)
    assert failure is not None
    assert failure.status == "skip"
    assert len(catalog.rows(Relation)) == 1
    with pytest.raises(ReadFailedError, match="publications"):
        catalog.rows(Publication)
    run_sql(database, failure.remedy or "")
    assert snapshot(unprivileged).rows(Publication) == ()
    run_sql(database, 'drop owned by "odd role"; drop role "odd role"')


def test_a_read_that_times_out_is_an_error_and_the_others_answer(
    database: Target, run_sql: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(database, "create table t (id int primary key)")
    statement = type(reads()[RowPolicy]).statement
    slow = "select pg_catalog.pg_sleep(5)"
    monkeypatch.setattr(
        type(reads()[RowPolicy]),
        "statement",
        lambda read, version: slow if read.name == "row_policies" else statement(read, version),
    )
    with read_only(database, statement_timeout=0.3) as session:
        catalog = read_catalog(session)
    failure = catalog.failure(RowPolicy)
    assert failure is not None
    assert (failure.status, "57014" in failure.reason) == ("error", True)
    assert len(catalog.rows(Index)) == 1


def test_statements_run_apart_answer_in_order_whatever_fails(database: Target) -> None:
    statements = ["select 1", "select 1/0", "select nonsense", "select 'two'", "syntax error", "select 3"]
    with read_only(database) as session:
        answers = []
        for result in run_apart(session.connection, statements):
            good = result.status == pq.ExecStatus.TUPLES_OK
            answers.append(result.get_value(0, 0) if good else result.error_field(pq.DiagnosticField.SQLSTATE))
        assert answers == [b"1", b"22012", b"42703", b"two", b"42601", b"3"]
        assert session.fetch_all("select 4") == [(4,)]


def test_rows_are_taken_in_parts_while_the_server_works_and_those_of_a_failure_are_told_apart(database: Target) -> None:
    numbers = "select i from generate_series(1, 1200) as i"
    failing = "select 1 / (1000 - i) from generate_series(1, 1200) as i"
    taken: list[tuple[int, int]] = []
    with read_only(database) as session:
        statements = [numbers, failing, ("select nonsense", numbers), numbers]
        take = lambda number, part: taken.append((number, part.ntuples))  # noqa: E731
        results = run_apart(session.connection, statements, first="select 1", take=take)
        rest = [(result.status == pq.ExecStatus.TUPLES_OK, result.ntuples) for result in results]
        assert session.fetch_all("select 4") == [(4,)]
    rows = [sum(count for number, count in taken if number == i) + rest[i][1] for i in (0, 3)]
    assert [1200, 1200] == rows
    assert [True, False, False, True] == [good for good, _ in rest]


def test_what_is_run_first_holds_for_all_and_its_failure_for_none(database: Target) -> None:
    asking = ["select current_setting('dbops.busy', true)", "select 2"]
    with read_only(database) as session:
        for first, answer in [("select set_config('dbops.busy', '7', true)", b"7"), ("select 1/0", b"")]:
            results = run_apart(session.connection, asking, first=first)
            assert [result.get_value(0, 0) for result in results] == [answer, b"2"]
        assert session.fetch_all("select 4") == [(4,)]


def test_a_role_that_may_not_look_at_locks_reads_the_catalog_all_the_same(
    database: Target, server: ScratchServer, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog]
) -> None:
    run_sql(database, "create role shut_out login; revoke select on pg_locks from public; create table t (id int)")
    catalog = snapshot(server.target(database.database, user="shut_out"))
    run_sql(database, "drop role shut_out")
    assert [relation.name for relation in catalog.rows(Relation)] == ["t"]


def test_a_statement_does_not_run_out_of_time_while_this_side_is_busy(database: Target) -> None:
    large = "select repeat('x', 1000) from generate_series(1, 1000)"  # more than what a socket holds
    with read_only(database, statement_timeout=2) as session:
        results = run_apart(session.connection, ["select 1", large])
        next(results)
        for _ in range(30):
            time.sleep(0.1)
            take_in(session.connection.pgconn)
        assert [pq.ExecStatus.TUPLES_OK] == [result.status for result in results]


def test_a_lost_connection_is_an_error_not_a_wait(database: Target, run_sql: Callable[..., Any]) -> None:
    with psycopg.connect(database.conninfo(), password=database.password, autocommit=True) as connection:
        connection.execute("begin")
        results = run_apart(connection, ["select 1", "select pg_catalog.pg_sleep(20)"])
        next(results)
        run_sql(database, f"select pg_terminate_backend({connection.info.backend_pid})")
        with pytest.raises(psycopg.OperationalError):
            next(results)


def test_the_order_in_which_things_were_made_does_not_show(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog], tmp_path: Path
) -> None:
    tables = [f"create table t{i} (id int primary key, at date); create index on t{i} (at);" for i in range(4)]
    run_sql(database, " ".join(tables))
    one = snapshot(database)
    run_sql(database, "drop table t0, t1, t2, t3; " + " ".join(reversed(tables)))
    other = snapshot(database)
    assert [relation.name for relation in one.rows(Relation)] == [relation.name for relation in other.rows(Relation)]


def test_a_rule_that_asks_for_what_nobody_read_is_told(database: Target) -> None:
    with read_only(database) as session:
        catalog = read_catalog(session, [Relation])
    with pytest.raises(ReadFailedError, match="was not read"):
        catalog.rows(TableColumns)
