"""What a finding prints runs as printed, undoes what it did, and leaves nothing of the finding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dbops.checks.remediation import complete_partitioned_index, drop_index
from dbops.checks.rule import rules
from dbops.checks.runner import run_rules
from dbops.checks.structure import shape
from dbops.demo import erp as demo

from .loading import load_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbops.checks.catalog import Catalog
    from dbops.checks.policy import Policy
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target
    from dbops.model import Finding

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
NEEDS_15 = "fk_and_duplicates.sql"

# An index that gives way to a longer one is a matter of judgement, which one statement for each finding leaves open.
STRUCTURAL = ["duplicate-index", "fk-without-index", "invalid-index", "no-primary-key"]

TABLE = """
create extension btree_gist;
create schema "Odd schema";
create table "Odd schema"."It's" (
    id int not null, b text, "C c" text collate "C", tags text[], words tsvector, j jsonb, span int4range, "order" int
);
"""
INDEXES = [
    'create index i on "Odd schema"."It\'s" (id)',
    'create unique index i on "Odd schema"."It\'s" (id desc, "order" nulls first) include (b, "C c")',
    'create index "I ""1"" \\" on "Odd schema"."It\'s" (lower(b) desc nulls last, (id + 1))',
    'create index i on "Odd schema"."It\'s" (b collate "POSIX" text_pattern_ops) where b ~~ \'it\'\'s%\'',
    'create index i on "Odd schema"."It\'s" ("C c" collate "default")',
    'create index i on "Odd schema"."It\'s" (lower("C c"), upper(b collate "POSIX"))',
    'create index i on "Odd schema"."It\'s" using gin (tags) with (fastupdate = off, gin_pending_list_limit = 128)',
    'create index i on "Odd schema"."It\'s" using gin (j jsonb_path_ops)',
    'create index i on "Odd schema"."It\'s" using gist (words tsvector_ops (siglen = 64), id)',
    'create index i on "Odd schema"."It\'s" using brin (id int4_minmax_multi_ops (values_per_range = 16))',
    'create index i on "Odd schema"."It\'s" using brin (id) with (pages_per_range = 4)',
    'create index i on "Odd schema"."It\'s" using hash (b)',
    'create index i on "Odd schema"."It\'s" using spgist (span)',
    'create index i on "Odd schema"."It\'s" (id) with (fillfactor = 70) tablespace pg_default',
]


def run(target: Target, script: str) -> None:
    """Run a script as psql would: statement by statement, none inside a transaction of ours."""
    with psycopg.connect(target.conninfo(), password=target.password, autocommit=True) as connection:
        for statement in script.removesuffix(";").split(";\n"):
            connection.execute(statement.encode())


def definitions(target: Target, run_sql: Callable[..., list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    return run_sql(
        target,
        "select pg_get_indexdef(i.indexrelid), i.indisvalid from pg_index i join pg_class c on c.oid = i.indrelid"
        " join pg_namespace n on n.oid = c.relnamespace where n.nspname !~ '^pg_' order by 1",
    )


@pytest.mark.parametrize("statement", INDEXES)
def test_undo_makes_the_very_index_that_was_dropped(
    statement: str,
    database: Target,
    server: ScratchServer,
    run_sql: Callable[..., Any],
    snapshot: Callable[..., Catalog],
) -> None:
    if "minmax_multi" in statement and server.binaries.major < 14:
        pytest.skip("needs PostgreSQL 14")
    run_sql(database, TABLE)
    run_sql(database, statement)
    before = definitions(database, run_sql)
    catalog = snapshot(database)
    [index] = catalog.indexes.values()
    fix = drop_index(catalog, index)
    run(database, fix.sql)
    assert definitions(database, run_sql) == []
    run(database, fix.undo or "")
    assert definitions(database, run_sql) == before


def test_nulls_not_distinct_comes_back_too(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog]
) -> None:
    catalog = snapshot(database)
    if catalog.server.version < 150000:
        pytest.skip("nulls not distinct is new in PostgreSQL 15")
    run_sql(database, "create table t (a int); create unique index i on t (a) nulls not distinct")
    catalog = snapshot(database)
    [index] = catalog.indexes.values()
    fix = drop_index(catalog, index)
    before = definitions(database, run_sql)
    run(database, f"{fix.sql}\n{fix.undo}")
    assert definitions(database, run_sql) == before


PARTITIONED = """
create table visit (at date, clinic int) partition by range (at);
create table visit_1 partition of visit for values from ('2020-01-01') to ('2021-01-01');
create table visit_2 (clinic int, gone int, at date) partition by list (clinic);
alter table visit_2 drop column gone;
create table visit_2_1 partition of visit_2 for values in (1);
create table "visit 2 2" partition of visit_2 for values in (2);
alter table visit attach partition visit_2 for values from ('2021-01-01') to ('2022-01-01');
"""


def test_a_partitioned_index_is_dropped_and_made_again_partition_by_partition(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog]
) -> None:
    run_sql(database, PARTITIONED + "create index visit_clinic on visit (clinic, abs(clinic)) where clinic > 0")
    catalog = snapshot(database)
    before = sorted(shape(catalog, index).spelled() for index in catalog.indexes.values())
    [parent] = [index for index in catalog.indexes.values() if index.name == "visit_clinic"]
    fix = drop_index(catalog, parent)
    assert fix.undo is not None
    assert fix.undo.count("create index concurrently") == 3
    run(database, fix.sql)
    run(database, fix.undo)
    after = snapshot(database)
    assert sorted(shape(after, index).spelled() for index in after.indexes.values()) == before
    assert [index.name for index in after.indexes.values() if not index.usable] == []
    assert [index.name for index in after.indexes.values() if index.parent is None] == ["visit_clinic"]


def test_an_incomplete_partitioned_index_is_completed_with_what_is_there(
    database: Target, run_sql: Callable[..., Any], snapshot: Callable[..., Catalog]
) -> None:
    run_sql(database, PARTITIONED + "create index on only visit (clinic); create index there on visit_1 (clinic)")
    catalog = snapshot(database)
    [parent] = [index for index in catalog.indexes.values() if index.kind == "I"]
    fix = complete_partitioned_index(catalog, parent)
    assert "public.there" in fix.sql
    run(database, fix.sql)
    after = snapshot(database)
    assert [index.name for index in after.indexes.values() if not index.usable] == []
    assert len(after.indexes) == 5


def findings(catalog: Catalog, policy: Policy) -> list[Finding]:
    return [finding for check in run_rules(catalog, policy) for finding in check.findings]


def assert_fixes_hold(target: Target, policy: Policy, snapshot: Callable[..., Catalog]) -> None:
    """Apply every fix, once each; audit again: nothing is left that had one, and nothing is new."""
    before = findings(snapshot(target), policy)
    for script in dict.fromkeys(finding.fix for finding in before if finding.fix):
        run(target, script)
    after = findings(snapshot(target), policy)
    assert {f.fingerprint: f.detail for f in after} == {f.fingerprint: f.detail for f in before if not f.fix}


def test_the_fixes_of_the_broken_demo_leave_nothing_that_has_a_fix(
    erp: Target, policy_of: Callable[..., Policy], snapshot: Callable[..., Catalog]
) -> None:
    with psycopg.connect(erp.conninfo(), password=erp.password, autocommit=True) as connection:
        demo.break_it(connection)
    # What is said of the server would be mended for every test after this one.
    of_the_server = [slug for slug, rule in rules().items() if rule.family in {"durability", "queries"}]
    policy = policy_of(f"audit = {{packs = ['erp'], ignore = {of_the_server}}}\ntenancy = {{app_roles = ['erp_app']}}")
    assert_fixes_hold(erp, policy, snapshot)
    assert [finding for finding in findings(snapshot(erp), policy) if finding.fix] == []


@pytest.mark.parametrize("name", [NEEDS_15, "pagila.sql"])
def test_the_fixes_of_a_fixture_hold(
    name: str,
    database: Target,
    server: ScratchServer,
    run_sql: Callable[..., Any],
    policy_of: Callable[..., Policy],
    snapshot: Callable[..., Catalog],
) -> None:
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    if name == NEEDS_15 and server.binaries.major < 15:
        pytest.skip("needs PostgreSQL 15")
    load_plain(database, path.read_text())
    assert_fixes_hold(database, policy_of(f"audit = {{select = {STRUCTURAL}}}"), snapshot)
