"""The rungs above the rows: each passes on a faithful copy and fails on what it is there for."""

from __future__ import annotations

from functools import partialmethod
from typing import TYPE_CHECKING, Any

import pytest

from dbops.backup.digests import DigestMode
from dbops.backup.large_objects import read_large_objects
from dbops.connection.session import read_only, scratch
from dbops.drill.amcheck import Amcheck
from dbops.drill.options import DrillOptions
from dbops.model import CheckStatus, Scope, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.target import Target
    from dbops.model import Check, Report
    from dbops.storage.stored import StoredBackup

    BackUp = Callable[..., StoredBackup]
    Drill = Callable[..., Report]


def _check(report: Report, name: str) -> Check:
    return next(check for check in report.checks if check.check == name)


def test_pages_and_b_trees_of_the_copy_are_checked_and_other_indexes_counted(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill
) -> None:
    run_sql(
        database,
        "create table t (id int primary key, words text, at int4range);"
        "insert into t select i, repeat(md5(i::text), 200), int4range(i, i + 1) from generate_series(1, 500) as i;"
        "create index on t (lower(left(words, 20))); create index on t using gist (at)",
    )
    check = _check(drill(back_up(database)), "amcheck")
    # The table and its TOAST, and a B-tree each for key, expression and TOAST; the GiST index is not looked at.
    assert (CheckStatus.PASS, Scope(checked=5, total=6)) == (check.status, check.scope)


def _spoil(self: Amcheck, look: Callable[[Amcheck], Check]) -> Check:
    """Insert a row that the index t_pkey does not get, then look."""
    with scratch(self.copy.server, self.copy.database) as connection:
        connection.execute("set allow_system_table_mods = on")
        connection.execute("update pg_index set indisready = false where indexrelid = 't_pkey'::regclass")
        connection.execute("insert into t values (100)")
        connection.execute("update pg_index set indisready = true where indexrelid = 't_pkey'::regclass")
    return look(self)


def test_a_row_that_an_index_does_not_have_is_damage(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy's index is marked complete before it is: what a collation of another version leads to."""
    run_sql(
        database,
        "create table t (id int primary key, n int); insert into t select i, i from generate_series(1, 99) as i",
    )
    monkeypatch.setattr(Amcheck, "look", partialmethod(_spoil, Amcheck.look))
    report = drill(back_up(database))
    findings = _check(report, "amcheck").findings
    assert ["btree index public.t_pkey"] == [one.object for one in findings]
    assert "lacks matching index tuple" in findings[0].detail
    assert Verdict.FAIL is report.restorability


def test_above_a_size_each_row_is_looked_for_in_some_b_trees_and_the_others_are_told(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbops.drill.searched.ALL_UP_TO", 0)
    tables = "; ".join(f'create table "T.{i}""" as select n from generate_series(1, 9) as n' for i in range(3))
    indexes = "; ".join(f'create index on "T.{i}""" (n); create index on "T.{i}""" ((n % 2))' for i in range(3))
    run_sql(database, f"{tables}; {indexes}")
    stored = back_up(database)
    report = drill(stored)
    check = _check(report, "amcheck")
    assert (CheckStatus.PASS, Scope(checked=9, total=9)) == (check.status, check.scope)
    assert "pg_amcheck as a role without superuser, with --heapallindexed for 1 of 6 B-tree indexes" == check.method
    assert "whether every row is in 5 of 6 B-tree indexes: each drill searches others" in report.not_tested
    whole = drill(stored, DrillOptions(index_rows="all"))
    assert "pg_amcheck --heapallindexed, as a role without superuser" == _check(whole, "amcheck").method
    assert not any("B-tree" in text for text in whole.not_tested)


def test_damage_is_seen_in_the_b_trees_that_are_searched(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbops.drill.searched.ALL_UP_TO", 0)
    monkeypatch.setattr("dbops.drill.amcheck.choose", lambda there, *_: [one for one in there if one.name == "t_pkey"])
    run_sql(database, "create table t (id int primary key); insert into t values (1); create table u (id int unique)")
    monkeypatch.setattr(Amcheck, "look", partialmethod(_spoil, Amcheck.look))
    report = drill(back_up(database))
    findings = _check(report, "amcheck").findings
    assert ["btree index public.t_pkey"] == [one.object for one in findings]
    assert (Verdict.FAIL, True) == (report.restorability, "lacks matching index tuple" in findings[0].detail)


def test_without_amcheck_the_rung_is_skipped_and_said(
    erp: Target, back_up: BackUp, drill: Drill, monkeypatch: Any
) -> None:
    monkeypatch.setattr("dbops.drill.amcheck._PROGRAM", "pg_no_such_program")
    report = drill(back_up(erp))
    check = _check(report, "amcheck")
    assert CheckStatus.SKIP is check.status
    assert check.remedy
    assert any("pages and indexes of the copy" in text for text in report.not_tested)


_OBJECTS = (
    "select lo_from_bytea(1001, decode(repeat('ab', 5000), 'hex')); select lo_from_bytea(1002, '');"
    "select lo_create(1003); select lo_put(1003, 9000, 'after a hole')"
)


def test_large_objects_come_back_byte_for_byte_holes_included(
    database: Target, run_sql: Any, back_up: BackUp, drill: Drill
) -> None:
    run_sql(database, _OBJECTS)
    report = drill(back_up(database))
    check = _check(report, "large-objects")
    assert (CheckStatus.PASS, Scope(checked=3, total=3)) == (check.status, check.scope)
    assert Verdict.PASS is report.restorability


@pytest.mark.parametrize(
    "change",
    [
        "select lo_put(1001, 4999, '\\x00')",
        "select lo_truncate(lo_open(1001, 131072), 4999)",
        "select lo_put(1003, 9100, '\\x00')",
        "select lo_unlink(1002)",
    ],
)
def test_one_byte_or_another_size_of_a_large_object_changes_the_digest(
    database: Target, run_sql: Any, change: str
) -> None:
    run_sql(database, _OBJECTS)
    seen = []
    for statement in ("select 1", change):
        run_sql(database, statement)
        with read_only(database) as session:
            found = read_large_objects(session, DigestMode.FULL, 0)
            seen.append((found.count, found.digest))
    assert seen[0] != seen[1]


def test_a_bucket_of_large_objects_is_read_and_its_share_told(database: Target, run_sql: Any) -> None:
    run_sql(database, "select lo_from_bytea(100000 + i, 'x') from generate_series(0, 299) as i")
    with read_only(database) as session:
        found = read_large_objects(session, DigestMode.BUCKETS, 7)
        counted = read_large_objects(session, DigestMode.COUNTS, 7)
    assert (300, 3) == (found.count, found.checked)
    assert (300, None, 0) == (counted.count, counted.digest, counted.checked)


def test_a_right_an_owner_a_comment_and_a_policy_that_are_otherwise_differ(
    nasty: Target, run_sql: Any, back_up: BackUp, drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded is changed on its way to the comparison, one fact of each kind."""
    stored = back_up(nasty)
    wanted = {
        "relation acl": "app.parent", "schema": "app", "comment": "app.parent", "policy": "app.tenants.own_rows",
        "large object acl": "424242", "server options": "elsewhere", "publication contents": "pub_one",
        "column storage": "app.parent.name", "collation": "app.c_copy", "operator": "app.===(integer,integer)",
    }  # fmt: skip
    inventory_of = __import__("dbops.drill.restore", fromlist=["inventory_of"]).inventory_of

    def otherwise(stored: StoredBackup) -> list[Any]:
        return [
            fact._replace(value=f"{fact.value} otherwise") if wanted.get(fact.kind) == fact.identity else fact
            for fact in inventory_of(stored)
        ]

    monkeypatch.setattr("dbops.drill.restore.inventory_of", otherwise)
    findings = _check(drill(stored), "restore-differs").findings
    assert {f"{kind} {identity}" for kind, identity in wanted.items()} == {one.object for one in findings}
