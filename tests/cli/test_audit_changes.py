"""What changed since the last audit, and `--baseline`: only what is new fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Dbops, RunSql, UrlOf
    from dbops.connection.target import Target

ONE = ("--select=no-primary-key", "--select=duplicate-index", "--fail-on=warning")


def test_the_first_audit_has_nothing_to_be_compared_with(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    assert dbops("audit", *ONE, "--json", "--database-url", url_of(database)).report["changes"] is None


def test_the_second_audit_says_what_is_new_resolved_and_still_there(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql
) -> None:
    run_sql(database, "create table stays (a int); create table goes (a int)")
    first = dbops("audit", *ONE, "--json", "--database-url", url_of(database)).report
    run_sql(database, "drop table goes; create table comes (a int)")
    second = dbops("audit", *ONE, "--json", "--database-url", url_of(database)).report
    marks = {f["object"]: f["fingerprint"] for r in (first, second) for c in r["checks"] for f in c["findings"]}
    assert {
        "since": first["runId"],
        "new": [marks["public.comes"]],
        "resolved": [marks["public.goes"]],
        "unchanged": 1,
    } == second["changes"]
    assert f"resolved since {first['runId']}: no-primary-key public.goes" in second["notes"]
    third = dbops("audit", *ONE, "--database-url", url_of(database)).out
    assert f"Since {second['runId']}: 0 new, 0 resolved, 2 still there" in third.splitlines()


def test_another_database_of_the_cluster_has_a_history_of_its_own(
    dbops: Dbops, database: Target, url_of: UrlOf
) -> None:
    dbops("audit", *ONE, "--database-url", url_of(database))
    other = dbops("audit", *ONE, "--json", "--database-url", url_of(database, database="postgres"))
    assert other.report["changes"] is None


def test_an_audit_that_could_not_be_carried_out_is_not_compared_with(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql
) -> None:
    run_sql(database, "create table stays (a int)")
    first = dbops("audit", *ONE, "--json", "--database-url", url_of(database)).report
    dbops("audit", "--select=nothing", "--database-url", url_of(database))
    third = dbops("audit", *ONE, "--json", "--database-url", url_of(database)).report
    assert (first["runId"], 1) == (third["changes"]["since"], third["changes"]["unchanged"])


def test_what_the_last_audit_did_not_look_for_is_not_called_new(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql
) -> None:
    run_sql(database, "create table keyless (a int)")
    first = dbops("audit", "--select=duplicate-index", "--json", "--database-url", url_of(database)).report
    second = dbops("audit", *ONE, "--json", "--database-url", url_of(database)).report
    assert [] == second["changes"]["new"]
    left = f"neither new nor old are 1 of the findings: the run {first['runId']} did not answer their rules"
    assert left in second["notes"]


def test_a_baseline_makes_only_what_is_new_fail(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql, bare_environment: Path
) -> None:
    run_sql(database, "create table old (a int)")
    first = dbops("audit", *ONE, "--output=before.json", "--json", "--database-url", url_of(database))
    assert 1 == first.code
    again = ("audit", *ONE, "--baseline=before.json", "--database-url", url_of(database))
    known = dbops(*again)
    assert 0 == known.code
    assert f"known no-primary-key public.old (in the baseline {first.report['runId']})" in " ".join(known.out.split())
    run_sql(database, "create table young (a int)")
    grown = dbops(*again, "--json")
    [check] = [one for one in grown.report["checks"] if one["findings"]]
    assert 1 == grown.code
    assert [("public.old", first.report["runId"]), ("public.young", None)] == [
        (one["object"], one["baseline"]) for one in check["findings"]
    ]
    run_sql(database, "drop table old")
    shrunk = dbops(*again, "--json")
    assert any("1 of its findings were not found again" in note for note in shrunk.report["notes"])


def test_a_baseline_survives_a_rename_of_what_it_knows(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql
) -> None:
    run_sql(database, "create table t (id int primary key, a int); create index x on t (a); create index y on t (a)")
    dbops("audit", *ONE, "--output=before.json", "--database-url", url_of(database))
    run_sql(database, "alter index x rename to zz_x; alter index y rename to aa_y")
    assert 0 == dbops("audit", *ONE, "--baseline=before.json", "--database-url", url_of(database)).code


def test_a_file_that_is_no_baseline_is_refused_before_anything_is_recorded(
    dbops: Dbops, bare_environment: Path
) -> None:
    (bare_environment / "before.json").write_text("{}")
    answered = dbops("audit", "--baseline=before.json", "--database-url=postgresql://h/d")
    assert 2 == answered.code
    assert "--baseline before.json is not a report (dbops/report/v1)" in " ".join(answered.err.split())
    assert not (bare_environment / "logs").exists()
