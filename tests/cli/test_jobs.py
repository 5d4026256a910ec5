"""The jobs that `dbops init` prints: each is read by the program it is for, says what is configured, and runs."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.errors import ExitCode, UsageError
from dbops.evidence import keys
from dbops.render.jobs import _HOMES, _MEANINGS, Ci, period_within
from dbops.settings import parse_duration, spell_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer, Dbops, RunSql, UrlOf
    from dbops.connection.target import Target

    YamlIn = Callable[[str], Any]

ALL = (["--ci", "github"], ["--ci", "gitlab"], ["--systemd"], ["--k8s"])
BIN = Path(sys.executable).parent


def text_of(answer: Answer) -> str:
    """Return what was printed."""
    assert (0, "") == (answer.code, answer.err)
    return answer.out


def script_of(job: dict[str, Any]) -> str:
    """Return the script of a GitHub workflow or a GitLab job that runs the suite."""
    if "jobs" in job:
        return next(step["run"] for step in job["jobs"]["suite"]["steps"] if "suite" in step.get("run", ""))
    (script,) = job["dbops-suite"]["script"]
    return script


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_a_job_holds_no_secret_and_writes_nothing(
    dbops: Dbops, bare_environment: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://erin:canary-word@db.example/erp")
    monkeypatch.setenv("DBOPS_PING_URL", "https://example.com/canary-ping")
    (bare_environment / "dbops.toml").write_text('[objectives]\ndrill_every = "26h"\n')
    printed = text_of(dbops("init", *words))
    assert [] == [word for word in ("canary", "erin", "db.example") if word in printed]
    assert printed.isascii()
    assert ["dbops.toml"] == [path.name for path in bare_environment.iterdir()]


@pytest.mark.parametrize("service", Ci)
def test_a_ci_job_takes_its_secrets_from_the_service_and_keeps_the_evidence_but_no_backup(
    dbops: Dbops, yaml_in: YamlIn, service: Ci
) -> None:
    job = yaml_in(text_of(dbops("init", "--ci", service)))
    script = script_of(job)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "dbops suite --quiet --json " in script
    assert "${{" not in script
    if service is Ci.GITHUB:
        run, keep = job["jobs"]["suite"]["steps"][-2:]
        assert "${{ secrets.DATABASE_URL }}" == run["env"]["DATABASE_URL"]
        kept = (keep["if"], keep["with"]["path"].split())
        assert ("always()", ["logs", "dbops.html", "dbops.json"]) == kept
    else:
        kept = job["dbops-suite"]["artifacts"]
        assert ("always", ["logs", "dbops.html", "dbops.json"]) == (kept["when"], kept["paths"])
        assert {"exit_codes": [75]} == job["dbops-suite"]["allow_failure"]


def test_every_exit_code_has_a_meaning_in_the_jobs() -> None:
    assert set(ExitCode) - {ExitCode.PASS} == set(_MEANINGS)


def with_programs(tmp_path: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a runner: programs, a place for temporary files, and nothing of the host's."""
    return {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "TMPDIR": str(tmp_path / "runner"),
        "DBOPS_LOG_DIR": str(tmp_path / "checkout" / "logs"),
        **variables,
    }


@pytest.mark.parametrize("service", Ci)
def test_the_script_of_a_ci_job_runs_the_suite_signs_it_and_ends_with_its_verdict(
    dbops: Dbops, yaml_in: YamlIn, database: Target, url_of: UrlOf, run_sql: RunSql, tmp_path: Path, service: Ci
) -> None:
    script = script_of(yaml_in(text_of(dbops("init", "--ci", service))))
    for name in ("checkout", "runner"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkout" / "dbops.toml").write_text('[audit]\nfail_on = "info"\n')
    run_sql(database, "create table keyless (id bigint)")
    signer = keys.generate(tmp_path / "key" / "evidence.pem")
    private = tmp_path / "key" / "evidence.pem"
    secret = private.read_text() if service is Ci.GITHUB else str(private)
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=tmp_path / "checkout",
        env=with_programs(tmp_path, DATABASE_URL=url_of(database), EVIDENCE_KEY=secret),
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads((tmp_path / "checkout" / "dbops.json").read_text())
    assert (1, "suite", 1) == (done.returncode, report["command"], report["exitCode"]), done.stderr
    assert signer.keyid == report["seal"]["envelope"]["signatures"][0]["keyid"]
    said = {Ci.GITHUB: "::error title=dbops::", Ci.GITLAB: "dbops: "}[service]
    assert f"{said}{_MEANINGS[ExitCode.FAIL]}\n" == done.stdout
    assert (tmp_path / "checkout" / "dbops.html").exists()
    assert [] == [str(path) for path in (tmp_path / "runner").rglob("evidence.pem")]


@pytest.mark.parametrize("service", Ci)
@pytest.mark.parametrize("code", ExitCode)
def test_the_script_of_a_ci_job_says_what_an_exit_code_means_and_hands_it_on(
    dbops: Dbops, yaml_in: YamlIn, tmp_path: Path, service: Ci, code: ExitCode
) -> None:
    script = script_of(yaml_in(text_of(dbops("init", "--ci", service))))
    fake = tmp_path / "bin" / "dbops"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\nexit {code}\n")
    fake.chmod(0o755)
    variables = {"PATH": f"{fake.parent}:{os.environ['PATH']}", "RUNNER_TEMP": str(tmp_path), "EVIDENCE_KEY": ""}
    shell = ["bash", "-e", "-c", script]
    done = subprocess.run(shell, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert code == done.returncode
    assert _MEANINGS.get(code, "") in done.stdout
    assert bool(done.stdout) is (code is not ExitCode.PASS)


def units_of(printed: str, into: Path) -> list[Path]:
    """Write the units that were printed where their first lines say, below `into`."""
    found = []
    for unit in re.split(r"(?m)^(?=# /etc/systemd/system/)", printed)[1:]:
        path = into / unit.split(",", 1)[0].rpartition("/")[2]
        path.write_text(unit)
        found.append(path)
    return found


def test_systemd_has_nothing_against_the_units_of_what_is_configured(
    dbops: Dbops, bare_environment: Path, tmp_path: Path
) -> None:
    analyze = shutil.which("systemd-analyze") or pytest.skip("systemd-analyze is not installed")
    (bare_environment / "dbops.toml").write_text(
        '[objectives]\ndrill_every = "8d"\n[backup]\ndir = "/srv/the backups"\n[evidence]\nlog_dir = "/srv/evidence"\n'
    )
    units = units_of(text_of(dbops("init", "--systemd")), tmp_path)
    assert ["dbops-suite.service", "dbops-suite.timer"] == [unit.name for unit in units]
    service, timer = (unit.read_text() for unit in units)
    assert 'ReadWritePaths="/srv/evidence" "/srv/the backups"' in service
    assert f'Environment="DBOPS_CONFIG={bare_environment}/dbops.toml"' in service
    assert f'ExecStart="{BIN}/dbops" suite ' in service
    assert "LogsDirectory" not in service
    assert "OnCalendar=*-*-* 02:17:00" in timer
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
    assert [] == [line for line in done.stderr.splitlines() if "dbops-suite" in line]


def test_units_see_the_homes_only_where_something_they_need_lies_there(dbops: Dbops, bare_environment: Path) -> None:
    for place, protection in (("/srv/b", "yes"), ("/home/erin/b", "read-only")):
        (bare_environment / "dbops.toml").write_text(f'[backup]\ndir = "{place}"\n')
        program_at_home = str(BIN).startswith(_HOMES)
        expected = "read-only" if program_at_home else protection
        assert f"ProtectHome={expected}" in text_of(dbops("init", "--systemd")).splitlines()


@pytest.mark.parametrize(
    ("drill_every", "backs_up", "cron"),
    [
        ("45d", False, "17 2 1 * *"),
        ("31d", False, "17 2 * * 0"),
        ("31d", True, "17 2 * * *"),
        ("26h", False, "17 2 * * *"),
        ("1d", True, "17 2,14 * * *"),
        ("7h", True, "17 2,8,14,20 * * *"),
        ("2h", False, "17 * * * *"),
    ],
)
def test_the_suite_runs_more_often_than_a_restore_has_to_be_proven(drill_every: str, backs_up: bool, cron: str) -> None:
    period = period_within(parse_duration(drill_every), backs_up=backs_up)
    assert cron == period.cron
    assert period.length < parse_duration(drill_every)
    assert f"every {spell_duration(parse_duration(drill_every))} (" in period.why


def test_without_a_configuration_the_defaults_say_how_often(dbops: Dbops) -> None:
    assert "OnCalendar=Sun *-*-* 02:17:00" in text_of(dbops("init", "--systemd")).splitlines()


def test_an_objective_that_no_timer_keeps_is_refused() -> None:
    with pytest.raises(UsageError, match="started so often"):
        period_within(dt.timedelta(hours=1), backs_up=False)


def test_systemd_understands_every_period() -> None:
    analyze = shutil.which("systemd-analyze") or pytest.skip("systemd-analyze is not installed")
    for drill_every in ("45d", "31d", "26h", "1d", "7h", "2h"):
        period = period_within(parse_duration(drill_every), backs_up=False)
        done = subprocess.run(
            [analyze, "calendar", "--iterations=3", period.calendar], capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, done.stderr


def test_the_cron_job_runs_as_often_as_is_configured_and_prints_one_report(
    dbops: Dbops, bare_environment: Path, yaml_in: YamlIn
) -> None:
    (bare_environment / "dbops.toml").write_text('[objectives]\ndrill_every = "2h"\n')
    job = yaml_in(text_of(dbops("init", "--k8s")))
    assert ("17 * * * *", 3600) == (
        job["spec"]["schedule"],
        job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"],
    )
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert ["suite", "--quiet", "--json"] == container["args"]
    assert [{"secretRef": {"name": "dbops-database"}}] == container["envFrom"]


def test_a_configuration_elsewhere_in_the_checkout_is_named_in_a_ci_job(
    dbops: Dbops, bare_environment: Path, yaml_in: YamlIn
) -> None:
    (bare_environment / ".git").mkdir()
    (bare_environment / "ops").mkdir()
    (bare_environment / "ops" / "erp.toml").touch()
    job = yaml_in(text_of(dbops("init", "--ci", "gitlab", "--config", "ops/erp.toml")))
    assert "ops/erp.toml" == job["dbops-suite"]["variables"]["DBOPS_CONFIG"]


def test_a_path_that_would_have_to_be_quoted_is_refused(dbops: Dbops, bare_environment: Path) -> None:
    (bare_environment / "dbops.toml").write_text('[backup]\ndir = "/srv/${{ x }}%h"\n')
    answered = dbops("init", "--systemd")
    assert 2 == answered.code
    assert "would have to be quoted" in answered.err


@pytest.mark.parametrize("words", [["--systemd", "--k8s"], ["--ci", "github", "--k8s"], ["--k8s", "--force"]])
def test_one_job_is_printed_at_a_time(dbops: Dbops, words: list[str]) -> None:
    assert 2 == dbops("init", *words).code
