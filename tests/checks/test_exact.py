"""What comparing texts cannot settle is settled by a throw-away server of the same major version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.catalog import ServerForm
from dbops.checks.exact import ask_server, open_questions
from dbops.checks.runner import run_rules
from dbops.checks.typed import Use
from dbops.errors import ConfigurationError
from dbops.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.binaries import Binaries
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Check

SCHEMA = """
create schema "Odd one";
create type "Odd one".mood as enum ('good', 'bad');
create domain "Odd one".fee as numeric check (value >= 0);
create function "Odd one".half(n numeric) returns numeric immutable language sql as 'select n / 2';
create table "Odd one"."The visits" (
    id bigint primary key, at timestamptz, on_day date, code varchar(20), fee "Odd one".fee, mood "Odd one".mood,
    during daterange, tags text[]
);
create index by_time on "Odd one"."The visits" (code) where at >= '2026-01-01';
create index by_name on "Odd one"."The visits" (substring(code from 1 for 3), (case when fee > 5 then 1 else 0 end));
create index by_fee on "Odd one"."The visits" (id) where "Odd one".half(fee) > 1;
create index by_mood on "Odd one"."The visits" (on_day) where mood = 'good';
alter table "Odd one"."The visits" add constraint day check (on_day between '2020-01-01' and date '2030-12-31');
alter table "Odd one"."The visits" add constraint apart exclude (on_day with =) where (code similar to 'a%');
"""
TABLE = 'table = \'"Odd one"."The visits"\''
MET = f"""
[[expect.index]]
id = "time"
{TABLE}
columns = ["code"]
where = "at >= timestamptz '2026-01-01 01:00:00+01'"
[[expect.index]]
id = "name"
{TABLE}
columns = ["substr(code, 1, 3)", "case when fee > 5 then 1 else 0 end"]
[[expect.index]]
id = "real name"
{TABLE}
columns = ["substring(code from 1 for 3)", "case when fee > 5.0 then 1 else 0 end"]
[[expect.constraint]]
id = "day"
{TABLE}
kind = "check"
expression = "on_day >= '1 January 2020' and on_day <= '2030-12-31'"
[[expect.constraint]]
id = "apart"
{TABLE}
kind = "exclude"
expression = "using btree (on_day with =) where (code similar to 'a%')"
"""


@pytest.fixture
def asked(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog], binaries: Binaries
) -> Callable[..., Catalog]:
    """Return the snapshot of `SCHEMA` with what a server said to the open questions of a policy."""
    run_sql(database, SCHEMA)

    def ask(policy: Policy) -> Catalog:
        catalog = snapshot(database)
        return ask_server(catalog, open_questions(catalog, policy), environ={}, bindir=binaries.directory).catalog

    return ask


def check(slug: str, catalog: Catalog, policy: Policy) -> Check:
    [found] = [check for check in run_rules(catalog, policy) if check.check == slug]
    return found


def missing(catalog: Catalog, policy: Policy) -> dict[str | None, str]:
    """Return what is found about expected indexes and constraints, by the id of the expectation."""
    slugs = ("expected-index-missing", "expected-index-decoy", "expected-constraint-missing")
    return {finding.expectation: finding.detail for slug in slugs for finding in check(slug, catalog, policy).findings}


def test_what_only_a_server_can_tell_is_the_same_is_found_to_be(
    asked: Callable[..., Catalog],
    database: Target,
    snapshot: Callable[..., Catalog],
    policy_of: Callable[..., Policy],
) -> None:
    policy = policy_of(MET)
    by_text = missing(snapshot(database), policy)
    assert {"time", "name", "real name", "day", "apart"} == by_text.keys()
    # Not the same: substr is another function than SUBSTRING, and 5.0 another literal than 5.
    assert {"name", "real name"} == missing(asked(policy), policy).keys()


def test_a_server_also_tells_that_two_differ(asked: Callable[..., Catalog], policy_of: Callable[..., Policy]) -> None:
    policy = policy_of(MET.replace("01:00:00+01", "01:00:01+01").replace("'2030-12-31'", "'2031-12-31'"))
    assert {"time", "name", "real name", "day", "apart"} - {"apart"} == missing(asked(policy), policy).keys()


def test_nothing_is_asked_where_texts_settle_it(
    asked: Callable[..., Catalog], policy_of: Callable[..., Policy], snapshot: Callable[..., Catalog], database: Target
) -> None:
    del asked
    policy = policy_of(
        f"""
        [[expect.index]]
        id = "met"
        {TABLE}
        columns = ["on_day"]
        where = "mood = 'good'"
        [[expect.index]]
        id = "other columns"
        {TABLE}
        columns = ["id"]
        where = "code = 'x'"
        [[expect.index]]
        id = "other operator"
        {TABLE}
        columns = ["on_day"]
        where = "mood <> 'good'"
        [[expect.constraint]]
        id = "another check"
        {TABLE}
        kind = "check"
        expression = "fee > 0"
        """
    )
    catalog = snapshot(database)
    assert () == open_questions(catalog, policy)
    assert {"other columns", "other operator", "another check"} == missing(catalog, policy).keys()


def test_types_and_functions_of_the_database_leave_it_open_and_the_finding_says_so(
    asked: Callable[..., Catalog], policy_of: Callable[..., Policy]
) -> None:
    policy = policy_of(
        f"""
        [[expect.index]]
        id = "half"
        {TABLE}
        columns = ["id"]
        where = "half(fee) > 1"
        [[expect.index]]
        id = "mood"
        {TABLE}
        columns = ["on_day"]
        where = "mood = 'bad'"
        """
    )
    catalog = asked(policy)
    assert [(None, True), (None, True)] == [
        (form.printed, bool(form.problem)) for form in catalog.rows(ServerForm) if form.use == Use.PREDICATE
    ]
    found = missing(catalog, policy)
    assert "compared as text: half(fee) > 1 (function half(fee) does not exist)" in str(found["half"]).replace(
        '"Odd one".', ""
    )
    assert "compared as text: mood = 'bad' (column \"mood\" does not exist)" in str(found["mood"])


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("code = ", "syntax error at end of input"),
        ("case when true then code end", "argument of WHERE must be type boolean"),
        ("case when at > now() then true end", "must be marked IMMUTABLE"),
        ("at >= 'the day after'", "invalid input syntax for type timestamp with time zone"),
        ("code = 'x'; drop table t", "cannot insert multiple commands"),
    ],
)
def test_what_a_server_refuses_to_parse_is_refused_with_its_place(
    where: str,
    problem: str,
    database: Target,
    run_sql: Callable[..., Any],
    snapshot: Callable[..., Catalog],
    tmp_path: Path,
    binaries: Binaries,
) -> None:
    from dbops.checks.policy import Policy

    run_sql(database, SCHEMA)
    text = f'\n\n[[expect.index]]\nid = "x"\n{TABLE}\ncolumns = ["code"]\nwhere = "{where}"\n'
    (tmp_path / "dbops.toml").write_text(text)
    policy = Policy.from_settings(load_settings({}, cwd=tmp_path, environ={}))
    catalog = snapshot(database)
    with pytest.raises(ConfigurationError) as caught:
        ask_server(catalog, open_questions(catalog, policy), environ={}, bindir=binaries.directory)
    assert caught.value.message.startswith("dbops.toml:3: PostgreSQL refuses what the expectation 'x' declares, ")
    assert problem in caught.value.message


def test_without_such_a_server_texts_are_compared_and_the_check_says_so(
    database: Target,
    run_sql: Callable[..., Any],
    snapshot: Callable[..., Catalog],
    policy_of: Callable[..., Policy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dbops.connection import binaries

    run_sql(database, SCHEMA)
    policy, catalog = policy_of(MET), snapshot(database)
    monkeypatch.setattr(binaries, "_PLACES", ())
    monkeypatch.setattr(binaries, "_wheel", lambda: None)
    asked = ask_server(catalog, open_questions(catalog, policy), environ={})
    assert asked.said.startswith("declared expressions were compared as text: no server programs of PostgreSQL ")
    found = check("expected-index-missing", asked.catalog, policy)
    assert {"time", "name", "real name"} == {finding.expectation for finding in found.findings}
    assert "declared expressions were compared as text" in str(found.method)


def test_what_was_typed_is_run_by_a_role_without_power(
    server: ScratchServer, asked: Callable[..., Catalog], policy_of: Callable[..., Policy]
) -> None:
    policy = policy_of(
        f"""
        [[expect.index]]
        id = "x"
        {TABLE}
        columns = ["case when pg_read_file('PG_VERSION') = '' then 1 end"]
        """
    )
    with pytest.raises(ConfigurationError, match="IMMUTABLE"):
        asked(policy)
    with psycopg.connect(server.target().conninfo()) as connection:
        assert [] == connection.execute("select 1 from pg_roles where rolname = 'dbops_typist'").fetchall()
