"""Statements without their values: what is taken out, what stays, and that one statement has one form."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from dbops.checks.statements import clipped, normalise

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.connection.target import Target

FORMS = [
    ("SELECT * FROM o WHERE a = 5", "select * from o where a = $1"),
    ("select 'it''s', E'a\\'b', U&'\\0041', B'01', x'1F', $q$ hi '$q$, $$;$$", "select $1, $2, $3, $4, $5, $6, $7"),
    ("select 1, 1.5e-3, .5, 0x1F, 1_000", "select $1, $2, $3, $4, $5"),
    ("select a where b = -5 and c > - 5 and d - 5 < +1", "select a where b = $1 and c > $2 and d - $3 < $4"),
    ("select /* bob@example.org /* nested */ */ a -- secret\n from t", "select a from t"),
    ("select a from t where b=1--c", "select a from t where b=$1"),
    ('select "A""b\'" from "T"', 'select "A""b\'" from "T"'),
    ("select $2, $1, $2", "select $1, $2, $1"),
    ("select a from t where a = $1 and b = 7", "select a from t where a = $1 and b = $2"),
    ("select a where a in (1, 2,3) and b = any(array['x', 'y'])", "select a where a in ($1) and b = any(array[$2])"),
    ("select a from t where a in ($1 /*, ... */)", "select a from t where a in ($1)"),
    ("select a from t where a in (1, b)", "select a from t where a in ($1, b)"),
    ("insert into t (a, b) values (1, 'x'), (2, 'y'), (3, 'z');", "insert into t (a, b) values ($1, $2)"),
    ("insert into t values (1, now()), (2, null)", "insert into t values ($1, now()), ($2, null)"),
    ("select a, 5 group by 1, 2 order by 2 desc nulls last", "select a, $1 group by 1, 2 order by 2 desc nulls last"),
    ("select a from t order by b + 1 limit 10", "select a from t order by b + $1 limit $2"),
    ("select x::numeric(10, 2), cast(y as varchar(20))", "select x::numeric(10, 2), cast(y as varchar(20))"),
    ("select now() - interval '1 day', date '2026-01-01'", "select now() - $1::interval, $2::date"),
    ("select now() - interval $1", "select now() - $1::interval"),
    ("select timestamp with time zone '2026-01-01 00:00+00'", "select $1::timestamp with time zone"),
    ("select a at time zone 'UTC' from t", "select a at time zone $1 from t"),
    ("select 'never closed, select 5", "select $1"),
    ("select $tag$never closed, select 5", "select $1"),
    ("select /* never closed 5", "select"),
    ("select a[1], b->>'k', c @> '{}'::jsonb from t", "select a[$1], b->>$2, c @> $3::jsonb from t"),
    ("select 'x'\n  from   t ; ;", "select $1 from t"),
    ("select 1; select 2", "select $1; select $2"),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "form"), FORMS)
def test_values_and_comments_are_taken_out_and_nothing_else(text: str, form: str) -> None:
    assert normalise(text).text == form


@pytest.mark.parametrize(("text", "form"), FORMS)
def test_what_is_in_its_form_stays_as_it_is(text: str, form: str) -> None:
    assert (normalise(form).text, normalise(form).fingerprint) == (form, normalise(text).fingerprint)


def test_spaces_case_and_values_do_not_change_the_fingerprint() -> None:
    one = normalise("SELECT a FROM t WHERE b=1 AND c IN (1,2)")
    other = normalise("select a\n from T where B = $1 and c in ( 'x' )")
    assert one.fingerprint == other.fingerprint
    assert one.name == other.name == f"statement {one.fingerprint[:12]}"


def test_other_names_do() -> None:
    assert normalise('select a from "T"').fingerprint != normalise("select a from t").fingerprint


@pytest.mark.parametrize(
    ("text", "explainable"),
    [
        ("select 1", True),
        ("(select 1) union (select 2)", True),
        ("with gone as (delete from t returning *) select count(*) from gone", True),
        ("insert into t values (1)", True),
        ("merge into t using s on true when matched then delete", True),
        ("table t", True),
        ("values (1)", True),
        ("copy t to program 'rm'", False),
        ("explain analyze delete from t", False),
        ("analyze t", False),
        ("do $$ begin end $$", False),
        ("select 1; drop table t", False),
        ("call p()", False),
        ("", False),
    ],
)
def test_only_what_explain_merely_plans_is_explained(text: str, explainable: bool) -> None:
    assert normalise(text).is_explainable is explainable


@pytest.mark.parametrize(
    ("text", "of_a_tool"),
    [
        ("select relname from pg_catalog.pg_class", True),
        ("select relname from pg_class", True),
        ("select 1 from t join pg_stat_activity on true", True),
        ("select * from information_schema.tables", True),
        ("select pg_sleep(1)", False),
        ("select pg_advisory_lock(1) from t", False),
        ("select a as pg_catalog from t", False),
    ],
)
def test_what_asks_the_catalogs_is_of_a_tool(text: str, of_a_tool: bool) -> None:
    assert normalise(text).is_of_a_tool is of_a_tool


def test_a_long_statement_is_clipped_where_it_is_quoted() -> None:
    assert clipped("x" * 300) == "x" * 300
    assert clipped("x" * 301) == "x" * 298 + " …"


def test_a_statement_of_a_megabyte_takes_no_longer_than_its_length_is_worth() -> None:
    started = time.process_time()
    many = "select a from t where b in (" + ", ".join(f"'value {i}'" for i in range(60_000)) + ")"
    assert normalise.__wrapped__(many).text == "select a from t where b in ($1)"
    quoted = "select '" + "it''s " * 170_000 + "'"
    assert normalise.__wrapped__(quoted).text == "select $1"
    assert time.process_time() - started < 5  # 0.6 s here


@pytest.mark.parametrize(
    "text",
    [
        "select number from orders where org_id = 7 and status <> 'closed' order by placed_at desc limit 50",
        "select 1 from orders where placed_at > now() - interval '3 days' and customer_id in (1, 2, 3)",
        "select count(*), status from orders group by 2 order by 1 desc, 2",
        "select customer_id::numeric(12, 2) - 5, -customer_id from orders where id = -5",
        "with latest as (select max(id) as id from orders) select o.* from orders as o join latest using (id)",
    ],
)
def test_the_form_of_a_statement_is_still_one_that_the_server_takes(
    erp: Target, run_sql: Callable[..., list[tuple[Any, ...]]], text: str
) -> None:
    form = normalise(text)
    values = f"({', '.join(['null'] * form.parameters)})" if form.parameters else ""
    plan = run_sql(erp, f"prepare one as {form.text}; explain execute one{values}")
    assert plan != []


def test_blanks_and_digits_beyond_ascii_belong_to_names_and_tags() -> None:
    statement = normalise("select \u00a0at, ٣x from t where note = $tä😀g$ it's $tä😀g$ and id = 3")
    assert "select \u00a0at, ٣x from t where note = $1 and id = $2" == statement.text
