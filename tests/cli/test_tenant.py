"""`dbops tenant policy`: SQL on stdout, from a database or without one, and nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Dbops, RunSql, UrlOf
    from dbops.connection.target import Target


def test_without_a_database_the_configuration_says_what_is_printed(dbops: Dbops, bare_environment: Path) -> None:
    (bare_environment / "dbops.toml").write_text('[tenancy]\ncolumns = ["tenant"]\nid_type = "uuid"\n')
    answered = dbops("tenant", "policy", "sales.orders")
    assert 0 == answered.code
    condition = "tenant = (select nullif(current_setting('app.org_id', true), '')::uuid)"
    assert f"create policy tenant_select on sales.orders for select to public using ({condition});" in answered.out
    assert not (bare_environment / "logs").exists()


def test_of_a_database_what_the_table_lacks_is_printed_and_nothing_is_run(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql
) -> None:
    run_sql(database, "create table visit (org_id integer not null primary key)")
    answered = dbops("tenant", "policy", "visit", "--database-url", url_of(database))
    assert 0 == answered.code
    assert "'')::integer)" in answered.out
    assert "create index" not in answered.out
    assert [(False, 0)] == run_sql(
        database,
        "select relrowsecurity, (select count(*)::int from pg_policy) from pg_class where oid = 'visit'::regclass",
    )
    report = dbops("tenant", "policy", "visit", "--database-url", url_of(database), "--json").report
    assert answered.out.splitlines() == report["notes"]


def test_a_table_that_is_not_there_is_an_error_of_usage(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    answered = dbops("tenant", "policy", "visit", "--database-url", url_of(database))
    assert (2, "") == (answered.code, answered.out)
    assert "the table public.visit does not exist" in answered.err
    assert 2 == dbops("tenant", "policy").code
