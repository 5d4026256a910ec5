"""What a person types and what the server prints come to one form exactly where they mean the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbops.checks.catalog import Index
from dbops.checks.expressions import (
    NotUnderstoodError,
    canonical,
    holds_where_not_null,
    is_enclosed,
    may_be_equal,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.checks.catalog import Catalog

TABLE = """
create type mood as enum ('good', 'bad');
create table t (
    a int, b bigint, n numeric, r float8, s text, v varchar(20), c char(3), f boolean, m mood, "Odd Name" text,
    d date, ts timestamptz, j jsonb, tags text[], u uuid
);
"""
PREDICATES = [
    "s <> 'closed'",
    "s != 'closed' AND NOT f",
    "v = 'x'",
    "v in ('open', 'held')",
    "s in ('only')",
    "s not in ('a', 'b')",
    "a in (1, 2, 3)",
    "a = any (array[1, 2])",
    "a between 1 and 5",
    "a not between 1 and 5",
    "n > 0 and n <= 10.5",
    "b > -1",
    "r > 0",
    "a=-1",
    "s is null or v is not null",
    "f = true",
    "f = false",
    "f is true",
    "f is not false",
    "not (a = 1)",
    "s like 'A%' or s not ilike '%z'",
    "m = 'good'",
    "m <> 'bad'",
    '"Odd Name" is not null',
    "a + b * 2 > 3",
    "(a + b) * 2 > 3",
    "j ->> 'kind' = 'x'",
    "j @> '{}'",
    "coalesce(s, 'none') <> 'none'",
    "a is distinct from b",
    "lower(v) = 'x'",
    "length(s || v) > 3",
    "5 < a",
    "tags[1] = 'x'",
    "ts at time zone 'UTC' > d",
    "a::text = s",
    "cast(a as text) = s",
    "s = 'it''s'",
    "s = E'tab\\\\t'",
    "a % 2 = 0",
    "a is null and b is null or s is null",
    "(a = 1 or b = 2) and f",
]
DIFFERENT = [
    ("s <> 'closed'", "s = 'closed'"),
    ("s <> 'closed'", "s <> 'Closed'"),
    ("a > 0", "a >= 0"),
    ("a + b * 2 > 3", "(a + b) * 2 > 3"),
    ("a is null and (b is null or s is null)", "a is null and b is null or s is null"),
    ("not f and a = 1", "not (f and a = 1)"),
    ("s in ('a', 'b')", "s not in ('a', 'b')"),
    ("a - b > 0", "b - a > 0"),
    ("ts::date = d", "ts = d"),
    ("v = '1'", "v = '01'"),
    ("f is true", "f is not false"),
]


@pytest.mark.parametrize("typed", PREDICATES)
def test_what_is_typed_and_what_the_server_makes_of_it_have_one_form(
    typed: str, snapshot_after: Callable[[str], Catalog]
) -> None:
    [index] = snapshot_after(f"{TABLE} create index i on t (a) where {typed}").rows(Index)
    assert parse(typed) == parse(index.predicate or ""), index.predicate


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_means_something_else_has_another_form(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_what_is_not_understood_is_compared_word_by_word() -> None:
    text = "CASE WHEN (a > 1) THEN  'x' END"
    with pytest.raises(NotUnderstoodError):
        parse(text)
    assert canonical(text) == canonical("case when (A > 1) then 'x' end")
    assert canonical(text) != canonical("case when (a > 2) then 'x' end")


@pytest.mark.parametrize(
    ("typed", "printed", "possible"),
    [
        ("ts >= '2026-01-01'", "(ts >= '2026-01-01 00:00:00+00'::timestamp with time zone)", True),
        ("ts::date = '2026-01-01'", "((ts)::date = '2026-01-01'::date)", True),
        ("trim(s) = ''", "(btrim(s) = ''::text)", True),
        ("'x' < s", "(s > 'x'::text)", True),
        ("case when f then 1 end = 1", "(f IS TRUE)", True),
        ("s <> 'closed'", "(s = 'open'::text)", False),
        ("s = 'a' and f", "(s = 'a'::text)", False),
        ("lower(s) = 'a'", "(s = 'a'::text)", False),
        ("a > 0", "(b > 0)", False),
    ],
)
def test_only_what_a_server_may_rewrite_leaves_it_open_whether_two_are_the_same(
    typed: str, printed: str, *, possible: bool
) -> None:
    assert may_be_equal(typed, printed) is possible


@pytest.mark.parametrize(
    "text", ["", "(", "a =", "a in (", "a b", "a between 1", "'open", "cast(a text)", "a is", "\x00"]
)
def test_broken_text_is_not_understood_and_never_a_crash(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        parse(text)
    assert isinstance(canonical(text), str)


@pytest.mark.parametrize(
    ("predicate", "holds"),
    [
        ("(a IS NOT NULL)", True),
        ("(NOT (a IS NULL))", True),
        ("((a IS NOT NULL) AND (b IS NOT NULL))", True),
        ("((a IS NOT NULL) OR f)", True),
        ("true", True),
        ("((a IS NOT NULL) AND f)", False),
        ("(s IS NOT NULL)", False),
        ("(a IS NULL)", False),
        ("(a > 0)", False),
        ("CASE WHEN (a IS NOT NULL) THEN true END", False),
    ],
)
def test_a_predicate_holds_wherever_the_columns_have_values(predicate: str, *, holds: bool) -> None:
    assert holds_where_not_null(predicate, {"a", "b"}) is holds


@pytest.mark.parametrize(
    ("text", "enclosed"),
    [
        ("(a + b)", True),
        ("((a) || (b))", True),
        ("(a) || (b)", False),
        ("(a", False),
        ("a", False),
        ("(a || ')')", True),
    ],
)
def test_parentheses_around_the_whole_are_told_from_those_around_its_ends(text: str, *, enclosed: bool) -> None:
    assert enclosed == is_enclosed(text)
