"""`dbops tenant probe` on a real server, from the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Dbops, RunSql, UrlOf
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

CONFIGURATION = """
[tenancy]
columns = ["org_id"]
app_roles = ["ERP_App", "erp_app"]  # as SQL would read it, and once
exempt = [{ table = "public.audit_log", reason = "kept elsewhere" }]
"""


def test_without_app_roles_nothing_is_probed(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    answered = dbops("tenant", "probe", "--database-url", url_of(database))
    assert 2 == answered.code
    assert "[tenancy] names no app_roles" in answered.err


def test_the_erp_passes_read_only_and_the_report_is_kept(
    dbops: Dbops, erp: Target, url_of: UrlOf, server: ScratchServer, run_sql: RunSql
) -> None:
    Path("dbops.toml").write_text(CONFIGURATION)
    run_sql(erp, "grant erp_app to erp_backup")
    try:
        url = url_of(server.target(erp.database, user="erp_backup"))
        answered = dbops("tenant", "probe", "--database-url", url, "--json")
    finally:
        run_sql(erp, "revoke erp_app from erp_backup")
    report = answered.report
    (check,) = report["checks"]
    assert (0, "pass", "tenant probe") == (answered.code, check["status"], report["command"])
    assert check["method"].endswith(": 9 pass, 7 not granted, 1 waived")
    assert "tenant isolation of public.audit_log: exempt (kept elsewhere)" in report["notTested"]
    assert [f"{report['runId']}/isolation.json"] == [one["path"] for one in report["artifacts"]]
    assert Path("logs", "tenant-isolation", f"{report['runId']}.json").exists()


def test_a_role_that_may_not_play_the_application_is_told_the_grant(
    dbops: Dbops, erp: Target, url_of: UrlOf, server: ScratchServer
) -> None:
    Path("dbops.toml").write_text(CONFIGURATION)
    answered = dbops("tenant", "probe", "--database-url", url_of(server.target(erp.database, user="erp_backup")))
    assert 3 == answered.code
    assert "grant erp_app to erp_backup" in " ".join(answered.out.split())


def test_a_suite_proves_isolation_on_the_restored_copy_by_what_the_configuration_says(
    dbops: Dbops, erp: Target, url_of: UrlOf, server: ScratchServer, run_sql: RunSql
) -> None:
    """The leak is a waived one: the suite says so, and passes but for what its audit finds on a test server."""
    Path("dbops.toml").write_text(
        CONFIGURATION
        + '[[audit.waive]]\nrule = "tenant-isolation"\nobject = "public.every_customer"\n'
        + 'reason = "a test"\nowner = "tests"\nexpires = 9999-12-31\n'
    )
    run_sql(erp, "create view every_customer as select * from customers; grant select on every_customer to erp_app")
    url = url_of(server.target(erp.database, user="erp_backup"))
    run_sql(erp, "grant select on every_customer to erp_backup")
    assert 0 == dbops("backup", "--database-url", url).code
    report = dbops("suite", "--database-url", url, "--json").report
    checks = {check["check"]: check for part in report["reports"] for check in part["checks"]}
    proven = checks["tenant-isolation"]
    assert "pass" == proven["status"]
    assert ["public.every_customer"] == [one["object"] for one in proven["findings"]]
    counts, _, standing = proven["method"].partition(": ")[2].partition("; ")
    assert "10 pass, 7 not granted, 3 waived" == counts
    assert re.fullmatch(r"[\d,]+ rows of 16 tables and \d+ sequences are as before", standing)
    waivers = [finding["object"] for finding in checks["waiver-unused"]["findings"]]
    assert [] == waivers
    assert any("isolation.json" in one["path"] for one in report["artifacts"])
