"""Comparisons fire on every difference they claim to see: each has its control."""

from __future__ import annotations

import datetime as dt

import pytest

from dbops.backup.counting import Standing
from dbops.backup.inventory import Fact, from_lines, to_lines
from dbops.backup.large_objects import LargeObjects
from dbops.drill.compare import (
    compare_counts,
    compare_digests,
    compare_extensions,
    compare_large_objects,
    compare_materialized_views,
    compare_sequences,
)
from dbops.drill.ledger import Ledger
from dbops.drill.objectives import rto_measured
from dbops.drill.restore_differs import compare_catalog
from dbops.model import (
    CheckStatus,
    ExtensionInfo,
    ObjectiveStatus,
    Scope,
    SequenceState,
    Severity,
    TableCount,
)

TABLE = TableCount(schema_="s", name="t", rows=3, method="count(*)")


def _holding(rows: int, digest: str | None = None, *, name: str = "t") -> TableCount:
    scope = Scope(checked=rows if digest else 0, total=rows)
    return TableCount(schema_="s", name=name, rows=rows, digest=digest, method="read", scope=scope)


@pytest.mark.parametrize(
    ("found", "status"),
    [([_holding(3)], CheckStatus.PASS), ([_holding(2)], CheckStatus.FAIL), ([], CheckStatus.FAIL)],
)
def test_row_counts(found: list[TableCount], status: CheckStatus) -> None:
    assert status is compare_counts([TABLE], found).status


def test_a_table_that_was_not_counted_is_in_the_total_only() -> None:
    uncounted = TableCount(schema_="s", name="u", rows=None, method="none")
    scope = compare_counts([TABLE, uncounted], [_holding(3)]).scope
    assert scope is not None
    assert (1, 2) == (scope.checked, scope.total)


@pytest.mark.parametrize(
    ("found", "status", "checked"),
    [
        ([_holding(3, "md5/all:1:2")], CheckStatus.PASS, 1),
        ([_holding(3, "md5/all:1:3")], CheckStatus.FAIL, 1),
        ([_holding(3)], CheckStatus.FAIL, 1),
        ([_holding(2, "md5/all:1:3")], CheckStatus.SKIP, 0),
        ([], CheckStatus.SKIP, 0),
    ],
)
def test_row_digests(found: list[TableCount], status: CheckStatus, checked: int) -> None:
    uncovered = _holding(5, name="u")
    check = compare_digests([_holding(3, "md5/all:1:2"), uncovered], [*found, uncovered])
    assert check.scope is not None
    assert (status, checked, 2) == (check.status, check.scope.checked, check.scope.total)


@pytest.mark.parametrize(
    ("moved_to", "found", "status"),
    [
        (None, Standing(5, is_called=True), CheckStatus.PASS),
        (None, Standing(6, is_called=True), CheckStatus.FAIL),
        (None, Standing(5, is_called=False), CheckStatus.FAIL),
        (9, Standing(7, is_called=True), CheckStatus.PASS),
        (9, Standing(10, is_called=True), CheckStatus.FAIL),
        (1, Standing(3, is_called=True), CheckStatus.PASS),
        (None, None, CheckStatus.FAIL),
    ],
)
def test_sequences(moved_to: int | None, found: Standing | None, status: CheckStatus) -> None:
    recorded = SequenceState(schema_="s", name="q", last_value=5, is_called=True, moved_to=moved_to)
    assert status is compare_sequences([recorded], {("s", "q"): found} if found else {}).status


def test_large_objects_and_extensions() -> None:
    extension = ExtensionInfo(name="hstore", schema_="public", version="1.8")
    newer = extension.model_copy(update={"version": "1.9"})
    recorded = LargeObjects(2, "lo/all/2048:1:2", 2)
    alike, fewer, others = recorded, LargeObjects(1, "lo/all/2048:1:2", 1), LargeObjects(2, "lo/all/2048:1:3", 2)
    assert [CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.FAIL] == [
        compare_large_objects(recorded, found).status for found in (alike, fewer, others)
    ]
    assert [CheckStatus.PASS, CheckStatus.FAIL] == [
        compare_extensions([extension], found).status for found in ([newer], [])
    ]


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([_holding(3, "md5/all:1:2")], CheckStatus.PASS),
        ([_holding(3, "md5/all:1:3")], CheckStatus.FAIL),
        ([_holding(2, "md5/all:1:2")], CheckStatus.FAIL),
        ([], CheckStatus.FAIL),
    ],
)
def test_other_rows_in_a_materialized_view_are_a_warning(found: list[TableCount], status: CheckStatus) -> None:
    check = compare_materialized_views([_holding(3, "md5/all:1:2")], found)
    assert status is check.status
    assert {Severity.WARNING} >= {one.severity for one in check.findings}


FACTS = [Fact("relation", "s.t", "r owner o"), Fact("index", "s.t.i", "create index"), Fact("type", "s.e", "e 'a'")]


@pytest.mark.parametrize("position", range(len(FACTS)))
def test_a_changed_a_lost_and_an_added_fact_are_differences(position: int) -> None:
    changed, lost = list(FACTS), list(FACTS)
    changed[position] = changed[position]._replace(value="other")
    del lost[position]
    for found in (changed, lost, [*FACTS, Fact("policy", "s.t.p", "x")]):
        check, explained = compare_catalog(FACTS, found, Ledger(), same_major=True, data=True)
        assert (CheckStatus.FAIL, 1, []) == (check.status, len(check.findings), explained)
    check, _ = compare_catalog(FACTS, FACTS, Ledger(), same_major=True, data=True)
    assert CheckStatus.PASS is check.status


def test_across_major_versions_names_are_compared_and_spelling_is_not() -> None:
    respelt = [FACTS[0]._replace(value="spelt otherwise"), *FACTS[1:]]
    statuses = [
        compare_catalog(FACTS, found, Ledger(), same_major=False, data=True)[0].status for found in (respelt, FACTS[1:])
    ]
    assert [CheckStatus.PASS, CheckStatus.FAIL] == statuses


def test_what_is_explained_is_told_and_no_difference() -> None:
    recorded = [
        *FACTS,
        Fact("event trigger", "e", "O ddl_command_end"),
        Fact("index", "s.t.broken", "invalid create index"),
        Fact("routine", "s.f(a integer)", "f"),
    ]
    check, explained = compare_catalog(recorded, FACTS, Ledger(names={"s.f"}), same_major=True, data=True)
    assert (CheckStatus.PASS, 3) == (check.status, len(explained))


def test_an_object_whose_name_begins_like_an_explained_one_is_not_explained() -> None:
    recorded = [*FACTS, Fact("routine", "s.fast(a integer)", "f")]
    check, _ = compare_catalog(recorded, FACTS, Ledger(names={"s.f"}), same_major=True, data=True)
    assert CheckStatus.FAIL is check.status


def test_an_inventory_reads_back_whatever_names_hold() -> None:
    facts = [Fact("relation", '"a\n\u2028"."b\x85"', "x"), Fact("type", "é", "'\\'")]
    assert facts == list(from_lines(to_lines(facts)))


def test_the_rto_is_missed_by_a_millisecond() -> None:
    phases = {"provision": 1_000, "restore/data": 2_000}
    statuses = [
        rto_measured(phases, {"detect": dt.timedelta(seconds=1)}, dt.timedelta(milliseconds=limit)).status
        for limit in (4_000, 3_999)
    ]
    assert [ObjectiveStatus.MET, ObjectiveStatus.MISSED] == statuses


def test_a_kind_that_an_older_inventory_did_not_know_is_no_difference() -> None:
    comment = Fact("comment", "s.t", "table x")
    since = [*FACTS, Fact("inventory", "version", "2")]
    checks = [
        compare_catalog(recorded, [*since, comment], Ledger(), same_major=True, data=True)[0]
        for recorded in (FACTS, since)
    ]
    assert [CheckStatus.PASS, CheckStatus.FAIL] == [check.status for check in checks]
