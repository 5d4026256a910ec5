"""The commands on a real server, from the command line to what is printed and kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from dbops.connection.session import scratch
from dbops.demo import erp as demo_erp

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Dbops, RunSql, UrlOf
    from dbops.connection.server import ScratchServer
    from dbops.connection.target import Target

# The rules these tests are about: what else is found depends on the server they run on.
RULES = (
    "expected-index-missing",
    "expected-index-invalid",
    "expected-index-decoy",
    "duplicate-index",
    "no-primary-key",
)
SELECTED = [f"--select={rule}" for rule in RULES]
HOSTILE = '"ev\x1b[31mil\u202e [bold]x[/] \x07"'


def test_a_healthy_database_passes_the_audit(dbops: Dbops, erp: Target, url_of: UrlOf) -> None:
    answered = dbops("audit", "--packs=erp", *SELECTED, "--database-url", url_of(erp))
    assert 0 == answered.code
    *_, verdict, evidence, following = answered.out.splitlines()
    assert verdict.startswith("PASS  ")
    assert evidence.startswith("Evidence: logs/index-audit/")
    assert "Next: dbops backup --database-url=..., then dbops drill --database-url=..." == following


def test_a_broken_database_fails_the_audit_with_sql_that_mends_it(
    dbops: Dbops, erp: Target, url_of: UrlOf, server: ScratchServer
) -> None:
    with scratch(server, erp.database) as connection:
        demo_erp.break_it(connection)
    answered = dbops("audit", "--packs=erp", *SELECTED, "--database-url", url_of(erp))
    assert 1 == answered.code
    assert "    fix:" in answered.out
    assert "      reindex index concurrently public.ledger_entries_posted_idx;" in answered.out.splitlines()
    assert answered.out.index("✗ expected-index-missing  error") < answered.out.index("! duplicate-index  warning")
    assert answered.out.splitlines()[-1].startswith("Next: run the SQL under fix, then dbops audit")


def test_fail_on_decides_what_a_warning_means(dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql) -> None:
    run_sql(database, "create table public.loose (a int)")
    url = url_of(database)
    assert 0 == dbops("audit", *SELECTED, "--database-url", url).code
    assert 1 == dbops("audit", *SELECTED, "--database-url", url, "--fail-on=warning").code


def test_strict_makes_a_skip_inconclusive(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    answered = dbops(
        "audit", "--select=expected-index-missing", "--database-url", url_of(database), "--strict", "--json"
    )
    assert ["skip"] == [check["status"] for check in answered.report["checks"]]
    assert (3, "inconclusive") == (answered.code, answered.report["verdict"])


def test_names_from_the_database_cannot_steer_the_terminal(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql
) -> None:
    run_sql(database, f"create table public.{HOSTILE} (a int)")
    answered = dbops("audit", *SELECTED, "--database-url", url_of(database))
    assert "[bold]x[/]" in answered.out
    assert not {"\x1b", "\x07", "\u202e"} & set(answered.out + answered.err)


def test_json_is_the_document_that_is_kept(
    dbops: Dbops, database: Target, url_of: UrlOf, bare_environment: Path
) -> None:
    report = dbops("audit", "--json", "--database-url", url_of(database)).report
    kept = bare_environment / "logs" / "index-audit" / f"{report['runId']}.json"
    assert json.loads(kept.read_text()) == report


def test_output_files_take_their_format_from_their_extension(
    dbops: Dbops, database: Target, url_of: UrlOf, bare_environment: Path
) -> None:
    answered = dbops("audit", "--database-url", url_of(database), "--output", "a.json", "--output", "b.txt")
    assert answered.out == (bare_environment / "b.txt").read_text()
    assert "audit" == json.loads((bare_environment / "a.json").read_text())["command"]


def test_quiet_prints_the_verdict_alone(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    answered = dbops("backup", "--quiet", "--database-url", url_of(database))
    assert (0, "") == (answered.code, answered.err)
    [line] = answered.out.splitlines()
    assert line.startswith("PASS  ")


def test_explain_prints_a_rule_without_a_database(dbops: Dbops) -> None:
    answered = dbops("audit", "--explain", "fk-without-index")
    assert 0 == answered.code
    assert "fk-without-index" in answered.out


def test_a_backup_is_made_listed_restored_and_part_of_the_suite(
    dbops: Dbops, erp: Target, url_of: UrlOf, bare_environment: Path
) -> None:
    url = url_of(erp)
    assert "no backups in" in dbops("backup", "list").out

    made = dbops("backup", "--database-url", url)
    assert 0 == made.code
    [dump] = (bare_environment / "backups").glob("*.dump")
    assert dump.name in made.out
    assert [str(dump)] == [one["path"] for one in dbops("backup", "list", "--json").report["artifacts"]]
    assert dump.stem[-len("20260101T000000Z-abcdef") :] in dbops("backup", "list").out

    drilled = dbops("drill", "--json", "--database-url", url)
    assert (0, "pass") == (drilled.code, drilled.report["restorability"])

    together = dbops("suite", "--packs=erp", "--json", "--database-url", url)
    assert 2 == together.code  # the suite takes its packs from dbops.toml
    configure(bare_environment)
    together = dbops("suite", "--json", "--database-url", url)
    assert 0 == together.code
    assert ["drill", "audit"] == [part["command"] for part in together.report["reports"]]
    assert (bare_environment / "logs" / "resilience-suite" / f"{together.report['runId']}.json").exists()


def configure(directory: Path, *tables: str) -> None:
    """Write what the suite is held against: it takes its rules from the configuration alone."""
    lines = ["[audit]", "packs = ['erp']", f"select = {list(RULES)}", *tables]
    (directory / "dbops.toml").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("words", "tables", "parts"),
    [
        ((), ["[backup]"], ["backup", "drill", "audit"]),
        (("--backup",), [], ["backup", "drill", "audit"]),
        (("--no-backup",), ["[backup]"], ["drill", "audit"]),
    ],
)
def test_a_suite_backs_up_first_where_that_is_configured_or_asked_for(
    dbops: Dbops,
    database: Target,
    url_of: UrlOf,
    bare_environment: Path,
    words: tuple[str, ...],
    tables: list[str],
    parts: list[str],
) -> None:
    configure(bare_environment, *tables)
    report = dbops("suite", "--json", "--database-url", url_of(database), *words).report
    assert parts == [part["command"] for part in report["reports"]] == [step["name"] for step in report["steps"]]
    made = [part["verdict"] for part in report["reports"] if part["command"] == "backup"]
    assert ["pass"] * (len(parts) - 2) == made
    assert len(made) == len(list((bare_environment / "backups").glob("*.manifest.json")))
    said = [text for text in report["notTested"] if text.startswith("making a backup")]
    assert (not made) is bool(said)
    drilled = next(part for part in report["reports"] if part["command"] == "drill")
    assert ("pass" if made else None) == drilled["restorability"]


def test_a_backup_that_fails_does_not_keep_the_suite_from_drilling_and_auditing(
    dbops: Dbops, database: Target, url_of: UrlOf, bare_environment: Path
) -> None:
    configure(bare_environment)
    (bare_environment / "backups").write_text("no directory")
    report = dbops("suite", "--backup", "--json", "--database-url", url_of(database)).report
    assert ["backup", "drill", "audit"] == [step["name"] for step in report["steps"]]
    assert "pass" != report["steps"][0]["status"]
    assert 0 != report["exitCode"]


def test_a_failed_audit_fails_the_suite_and_the_drill_still_ran(
    dbops: Dbops, erp: Target, url_of: UrlOf, run_sql: RunSql, bare_environment: Path
) -> None:
    configure(bare_environment)
    run_sql(erp, "drop index public.orders_customer_idx")
    answered = dbops("suite", "--database-url", url_of(erp))
    assert 1 == answered.code
    assert "drill: pass" in answered.out
    assert "audit: fail" in answered.out
    assert answered.out.splitlines()[-1].startswith("Next: run the SQL under fix, then dbops suite")


def test_a_drill_without_depth_rebuilds_the_schema_where_there_is_no_backup_and_says_so(
    dbops: Dbops, database: Target, url_of: UrlOf
) -> None:
    report = dbops("drill", "--json", "--database-url", url_of(database)).report
    assert 0 == report["exitCode"]
    assert [note for note in report["notes"] if note.startswith("depth schema, since there is no backup")]
    assert {"not measured"} == {objective["status"] for objective in report["objectives"]}


def test_a_drill_of_a_backup_that_is_not_there_cannot_be_carried_out(
    dbops: Dbops, database: Target, url_of: UrlOf
) -> None:
    answered = dbops("drill", "--depth=restore", "--database-url", url_of(database))
    assert 3 == answered.code
    assert "dbops backup" in answered.err


def test_init_writes_a_file_that_loads_and_audits_clean(
    dbops: Dbops, erp: Target, url_of: UrlOf, bare_environment: Path
) -> None:
    url = url_of(erp)
    assert 0 == dbops("init", "--database-url", url).code
    declared = tomllib.loads((bare_environment / "dbops.toml").read_text())["expect"]["index"]
    assert {"orders_number_key", "webauthn_credentials_credential_id_key"} <= {one["name"] for one in declared}
    report = dbops("audit", "--json", "--database-url", url).report
    [missing] = [check for check in report["checks"] if check["check"] == "expected-index-missing"]
    assert ("pass", len(declared)) == (missing["status"], missing["scope"]["checked"])


def test_init_declares_constraints_and_row_level_security_and_the_audit_finds_them_again(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql, bare_environment: Path
) -> None:
    run_sql(
        database,
        """
        create schema "Odd";
        create table "Odd"."Clinic's" (id int, "Teil" int, primary key (id, "Teil"), unique ("Teil", id));
        create table visit (
            id int primary key, clinic int, part int, fee numeric, during daterange, code text,
            constraint visit_fee check (fee >= 0 and code ~ '^[a-z"]+$' and during <> '[2020-01-01,2020-02-01)'),
            constraint "visit clinic" foreign key (part, clinic) references "Odd"."Clinic's" ("Teil", id)
                on delete cascade,
            constraint apart exclude using gist (during with &&) where (code is not null)
        );
        alter table visit add constraint late check (id > 0) not valid;
        create index on visit (part, clinic);
        create index on visit (clinic, part);
        alter table visit enable row level security, force row level security;
        create policy own on visit using (id = 1);
        create table log (at date, primary key (at)) partition by range (at);
        create table log_2026 partition of log for values from ('2026-01-01') to ('2027-01-01');
        alter table log enable row level security;
        alter table log_2026 enable row level security;
        """,
    )
    answered = dbops("init", "--database-url", url_of(database))
    assert "4 indexes, 3 constraints and the row-level security of 2 tables declared as expectations" in answered.out
    assert "1 could not be declared" in answered.out
    text = (bare_environment / "dbops.toml").read_text()
    assert "# public.visit: late" in text.splitlines()
    expected = tomllib.loads(text)["expect"]
    assert [("check", "visit_fee"), ("exclude", "apart"), ("fk", "visit clinic")] == sorted(
        (one["kind"], one["name"]) for one in expected["constraint"]
    )
    assert {"public.visit": "forced", "public.log": "enabled"} == {
        one["table"]: one["rls"] for one in expected["table"]
    }
    report = dbops("audit", "--json", "--database-url", url_of(database)).report
    scopes = {check["check"]: check["scope"] for check in report["checks"] if check["check"].startswith("expected-")}
    assert [] == [check["findings"] for check in report["checks"] if check["check"] in scopes and check["findings"]]
    assert (3, 2) == (scopes["expected-constraint-missing"]["checked"], scopes["expected-rls-missing"]["checked"])


def test_init_does_not_replace_a_file_unless_told_to(dbops: Dbops, bare_environment: Path) -> None:
    (bare_environment / "dbops.toml").write_text("# mine, and [broken\n")
    answered = dbops("init")
    assert 2 == answered.code
    assert "--force" in answered.err
    assert "# mine, and [broken\n" == (bare_environment / "dbops.toml").read_text()
    assert 0 == dbops("init", "--force").code
    assert 0 == dbops("config", "show").code


def test_init_names_the_file_that_cannot_be_written(dbops: Dbops, bare_environment: Path) -> None:
    answered = dbops("init", "--config", "nowhere/dbops.toml")
    assert 3 == answered.code
    assert f"cannot write {bare_environment / 'nowhere' / 'dbops.toml'}: No such file" in " ".join(answered.err.split())


def test_init_declares_indexes_of_any_name(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql, bare_environment: Path
) -> None:
    name = '"Tä\x7fble ""x""\n[[expect]] # \u202e"'
    run_sql(
        database,
        f'create table public.{name} (id int primary key, "Ünter" text, at timestamptz);'
        f'create unique index {name[:-1]}_i" on public.{name} (lower("Ünter") desc, at) where at is not null',
    )
    assert 0 == dbops("init", "--database-url", url_of(database)).code
    assert 2 == len(tomllib.loads((bare_environment / "dbops.toml").read_text())["expect"]["index"])
    assert 0 == dbops("audit", *SELECTED, "--database-url", url_of(database)).code


def test_a_backup_is_made_though_nobody_reads_its_progress(
    database: Target, url_of: UrlOf, bare_environment: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "dbops", "backup", "--json", f"--database-url={url_of(database)}"]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=writing, check=False)
    os.close(writing)
    assert (0, "pass") == (done.returncode, json.loads(done.stdout)["verdict"])


def test_the_doctor_passes_here_and_names_what_it_looked_at(dbops: Dbops, database: Target, url_of: UrlOf) -> None:
    answered = dbops("doctor", "--json", "--database-url", url_of(database))
    assert 0 == answered.code
    looked_at = {check["check"]: check["status"] for check in answered.report["checks"]}
    assert {"pass"} == {looked_at[name] for name in ("python", "driver", "database", "throw-away-server", "clock")}


def test_the_doctor_tells_whether_reports_are_signed(dbops: Dbops, bare_environment: Path, tmp_path: Path) -> None:
    key = tmp_path / "evidence.pem"
    assert "reports are not signed" in dbops("doctor").out
    assert 0 == dbops("evidence", "keygen", "--key", key).code
    (bare_environment / "dbops.toml").write_text(f"[evidence]\nkey = '{key}'\n")
    assert "reports are signed with" in dbops("doctor").out


def test_the_doctor_names_the_grant_that_a_backup_lacks(
    dbops: Dbops, database: Target, url_of: UrlOf, run_sql: RunSql, server: ScratchServer
) -> None:
    run_sql(database, 'create table public.closed (a int primary key); create role "po or" login')
    answered = dbops("doctor", "--database-url", url_of(server.target(database.database, user="po or")))
    run_sql(database, 'drop role "po or"')
    assert 1 == answered.code
    assert 'grant pg_read_all_data to "po or";' in answered.out
    assert 'grant pg_monitor to "po or";' in answered.out


def test_the_doctor_goes_on_where_the_database_does_not_answer(dbops: Dbops, closed_port: int) -> None:
    answered = dbops("doctor", "--json", f"--database-url=postgresql://me@127.0.0.1:{closed_port}/x")
    looked_at = {check["check"]: check["status"] for check in answered.report["checks"]}
    assert (3, "error", "skip", "pass") == (
        answered.code,
        looked_at["database"],
        looked_at["backup-rights"],
        looked_at["throw-away-server"],
    )


def test_config_show_tells_where_each_value_comes_from(
    dbops: Dbops, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare_environment / "dbops.toml").write_text("[objectives]\nrpo = '5m'\n")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:s3cret-canary@db.example/erp")
    monkeypatch.setenv("DBOPS_LOG_DIR", "/var/log/dbops")
    answered = dbops("config", "show", "--backup-dir=/srv/backups")
    shown = {line.split()[0]: line.split()[1:] for line in answered.out.splitlines()[2:]}
    assert ["5m", "dbops.toml:2"] == shown["objectives.rpo"]
    assert ["/var/log/dbops", "DBOPS_LOG_DIR"] == shown["evidence.log_dir"]
    assert ["/srv/backups", "--backup-dir"] == shown["backup.dir"]
    assert ["db.example", "DATABASE_URL"] == shown["target.host"]
    assert "s3cret-canary" not in answered.out + answered.err


def test_the_broken_demo_passes_because_every_defect_is_found(dbops: Dbops, bare_environment: Path) -> None:
    answered = dbops("demo", "--broken")
    assert 0 == answered.code
    planted = len(demo_erp.planted_defects())
    assert f"PASS  {planted} of {planted} planted defects found" in answered.out
    assert "── audit: fail ──" in answered.out
    assert ["logs"] == [path.name for path in bare_environment.iterdir()]
