"""`--fix`: a script that psql runs, the one that undoes it, and both kept with the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbops.checks.ddl import split
from dbops.connection.session import scratch

if TYPE_CHECKING:
    from conftest import Dbops, RunSql, UrlOf
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

COPIES = (
    "create table visit (id bigint primary key, at date); create index a on visit (at); create index b on visit (at)"
)
SELECT = "--select=duplicate-index"


def apply(server: ScratchServer, target: Target, path: str) -> None:
    script = Path(path).read_text().replace("\\set ON_ERROR_STOP on\n", "")
    with scratch(server, target.database) as connection:
        for statement in split(script):
            connection.execute(statement.encode())


def test_what_it_writes_mends_what_was_found_and_the_other_script_undoes_it(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql, server: ScratchServer
) -> None:
    run_sql(database, COPIES)
    audit = ("audit", "--database-url", url_of(database), "--json", SELECT, "--fail-on=warning")
    found = dbops(*audit, "--fix=fix.sql")
    assert (1, "fail") == (found.code, found.report["verdict"])
    assert "fix.sql mends 1 of 1 finding; fix.undo.sql undoes it" in found.report["notes"]
    apply(server, database, "fix.sql")
    assert (0, "pass") == (dbops(*audit).code, dbops(*audit).report["verdict"])
    apply(server, database, "fix.undo.sql")
    again = dbops(*audit)
    fingerprints = [[f["fingerprint"] for c in one.report["checks"] for f in c["findings"]] for one in (found, again)]
    assert fingerprints[0] == fingerprints[1]


def test_both_scripts_are_kept_with_the_run(dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql) -> None:
    run_sql(database, COPIES)
    found = dbops("audit", "--database-url", url_of(database), "--json", SELECT, "--fix=elsewhere.sql")
    kept = {Path(one["path"]).name: Path("logs/index-audit", one["path"]) for one in found.report["artifacts"]}
    assert Path("elsewhere.sql").read_bytes() == kept["fix.sql"].read_bytes()
    assert Path("elsewhere.undo.sql").read_bytes() == kept["fix.undo.sql"].read_bytes()
    assert "create index concurrently b on public.visit (at);" in kept["fix.undo.sql"].read_text()


def test_a_saved_catalog_gives_the_same_script(dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql) -> None:
    run_sql(database, COPIES)
    dbops("audit", "--database-url", url_of(database), SELECT, "--save-catalog=saved.json", "--fix=live.sql")
    dbops("audit", "--catalog=saved.json", SELECT, "--fix=replayed.sql")
    assert Path("live.sql").read_text() == Path("replayed.sql").read_text()


def test_what_needs_no_fixing_gives_a_script_that_says_so(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    found = dbops("audit", "--database-url", url_of(database), "--select=waiver-expired", "--fix=fix.sql", "--json")
    assert 0 == found.code
    assert "-- There is nothing to do." in Path("fix.sql").read_text()


@pytest.mark.parametrize("options", [["--fix=missing/fix.sql"], ["--fix=fix.sql", "--check-privileges"]])
def test_what_cannot_be_written_is_refused_before_anything_is_done(dbops: Dbops, options: list[str]) -> None:
    refused = dbops("audit", "--database-url=postgresql://nobody@/nothing", *options)
    assert 2 == refused.code
    assert not Path("logs").exists()
