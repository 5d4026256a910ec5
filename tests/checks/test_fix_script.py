"""What `--fix` writes: psql runs it whatever things are called, and the script beside it takes it back."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from dbops.checks.fix_script import fix_script
from dbops.checks.names import quote
from dbops.checks.runner import run_rules
from dbops.checks.structure import shape
from dbops.connection.binaries import find_client

from .test_closure import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.target import Target

    Snapshot = Callable[[Target], Catalog]
    PolicyOf = Callable[..., Policy]

SCHEMA, CLINIC, VISIT = map(quote, ("s; \\q\n\\! true :x", "a -- $$ 'b' \"c\"", "t /* "))
REFERENCE, COLUMN = map(quote, ('ref"\n--', "E'\\"))
INDEXES = [quote(f"drop table; -- {number}\nselect 1/0;\r\u2028") for number in range(3)]
HOSTILE = f"""
create schema {SCHEMA};
create table {SCHEMA}.{CLINIC} (id int primary key);
create table {SCHEMA}.{VISIT} ({REFERENCE} int references {SCHEMA}.{CLINIC}, {COLUMN} int);
create index {INDEXES[0]} on {SCHEMA}.{VISIT} ({COLUMN});
create index {INDEXES[1]} on {SCHEMA}.{VISIT} ({COLUMN}) where {COLUMN} > 0;
create index {INDEXES[2]} on {SCHEMA}.{VISIT} ({COLUMN}) where {COLUMN} > 0;
"""


def test_psql_runs_the_script_whatever_things_are_called(
    database: Target, snapshot: Snapshot, policy_of: PolicyOf, run_sql: Callable[..., Any], tmp_path: Path
) -> None:
    run_sql(database, HOSTILE)
    catalog = snapshot(database)
    before = run_rules(catalog, policy_of())
    script = fix_script(catalog, policy_of(), before)
    as_psql_does(database, script.text, tmp_path)
    mended = {"fk-without-index", "duplicate-index", "no-primary-key"}
    assert mended <= rules_of(before)
    assert not rules_of(run_rules(snapshot(database), policy_of())) & mended
    as_psql_does(database, script.undo, tmp_path)
    assert mended <= rules_of(run_rules(snapshot(database), policy_of()))


def as_psql_does(target: Target, script: str, tmp_path: Path) -> None:
    binaries = find_client(150000, environ=os.environ, local=True)
    if not binaries.has("psql"):
        pytest.skip("psql is not among the client programs")
    (tmp_path / "script.sql").write_text(script)
    result = subprocess.run(
        [binaries.program("psql"), "-X", "-q", "-d", target.conninfo(), "-f", tmp_path / "script.sql"],
        capture_output=True,
        check=False,
    )
    assert (0, b"", b"") == (result.returncode, result.stderr, result.stdout)


def test_the_undo_brings_back_what_was_dropped(
    database: Target, snapshot: Snapshot, policy_of: PolicyOf, run_sql: Callable[..., Any], tmp_path: Path
) -> None:
    run_sql(
        database,
        "create table visit (id bigint primary key, at date, n int, code text);"
        "create index on visit (at); create index on visit (at, n); create index on visit (at, n);"
        "create index on visit (lower(code) desc) include (n) with (fillfactor = 70) where n > 0;"
        "create index on visit (lower(code) desc, at) include (n) where n > 0",
    )
    catalog = snapshot(database)
    before = definitions(catalog)
    script = fix_script(catalog, policy_of(), run_rules(catalog, policy_of()))
    as_psql_does(database, script.text, tmp_path)
    assert 3 == len(before) - len(definitions(snapshot(database)))
    as_psql_does(database, script.undo, tmp_path)
    assert before == definitions(snapshot(database))


def definitions(catalog: Catalog) -> list[tuple[str, str]]:
    return sorted((catalog.index_name(i), repr(shape(catalog, i))) for i in catalog.indexes.values())


def test_a_waived_finding_is_left_alone(
    database: Target, snapshot: Snapshot, policy_of: PolicyOf, run_sql: Callable[..., Any]
) -> None:
    run_sql(database, "create table visit (id bigint primary key, at date); create index a on visit (at);"
        "create index b on visit (at)")  # fmt: skip
    waiver = (
        '[[audit.waive]]\nrule = "duplicate-index"\nobject = "public.visit"\nreason = "a hint names it"\n'
        'owner = "dba"\nexpires = 9999-01-01\n'
    )
    policy = policy_of(waiver)
    catalog = snapshot(database)
    script = fix_script(catalog, policy, run_rules(catalog, policy))
    assert "drop index" not in script.text
    assert "duplicate-index public.visit: waived until 9999-01-01: a hint names it" in script.text


def test_nothing_to_do_is_a_script_too(
    database: Target, snapshot: Snapshot, policy_of: PolicyOf, tmp_path: Path
) -> None:
    catalog = snapshot(database)
    script = fix_script(catalog, policy_of('audit = {select = ["duplicate-index"]}'), ())
    assert (0, 0, ()) == (script.mended, script.left, script.statements)
    as_psql_does(database, script.text, tmp_path)
