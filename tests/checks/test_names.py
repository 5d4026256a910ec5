"""Names are written as the server would write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbops.checks.names import MAX_NAME_BYTES, fresh_name, literal, parse_identifier, parse_qualified, quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.target import Target

HOSTILE = [
    "plain",
    "Upper",
    "with space",
    'with "quote"',
    "o'clock",
    "back\\slash",
    "1st",
    "naïve",
    "a$b",
    "_x",
    "select",
]


def test_every_word_that_the_server_quotes_is_quoted_alike(database: Target, run_sql: Callable[..., list]) -> None:
    words = [word for (word,) in run_sql(database, "select word from pg_get_keywords()")]
    spelled = run_sql(database, "select word, quote_ident(word) from pg_get_keywords()")
    unquoted_here = {word for word in words if quote(word) == word}
    unquoted_there = {word for word, quoted in spelled if quoted == word}
    assert unquoted_here <= unquoted_there  # a newer server's words are quoted for older ones too


@pytest.mark.parametrize("name", HOSTILE)
def test_a_quoted_name_means_the_name(name: str, database: Target, run_sql: Callable[..., list]) -> None:
    rows = run_sql(database, f"select 1 as {quote(name)}, {literal(name)} as text")
    assert rows == [(1, name)]
    assert parse_identifier(quote(name)) == name
    assert parse_qualified(f"{quote(name)} . {quote(name)}") == (name, name)


def test_a_table_without_schema_is_in_public_and_folds_to_lower_case() -> None:
    assert parse_qualified("Orders") == ("public", "orders")
    assert parse_qualified('Sales."Orders"') == ("sales", "Orders")


@pytest.mark.parametrize("text", ["", "a.b.c", "a b", "1st", "a.", '"', "drop table x;"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no name of a table"):
        parse_qualified(text)


def test_a_new_name_fits_is_free_and_stays_the_same() -> None:
    long = ("ä" * 60, "b")
    name = fresh_name("ix", long, set(), plain=True, shape="one")
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert fresh_name("ix", long, set(), plain=True, shape="one") == name
    assert fresh_name("ix", long, {name}, plain=True, shape="one") != name
    assert fresh_name("ix", long, set(), plain=True, shape="two") != name


def test_a_plain_name_says_the_columns_and_another_shape_adds_a_digest() -> None:
    assert fresh_name("ix", ("visit", "at"), set(), plain=True, shape="x") == "ix_visit_at"
    assert fresh_name("ix", ("visit", "at"), {"ix_visit_at"}, plain=True, shape="x").startswith("ix_visit_at_")
    assert fresh_name("ix", ("visit", "at"), set(), plain=False, shape="x").startswith("ix_visit_at_")
