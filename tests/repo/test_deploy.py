"""The files of docs/deploy: each is read by the parser of the program it is for, and says nothing that is not so."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.target import Target

    YamlIn = Callable[[str], Any]

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"


def options_of(*command: str) -> str:
    """Return the help of a command, as wide as it likes to be."""
    done = subprocess.run(
        [sys.executable, "-m", "dbops", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    return done.stdout


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def test_every_file_is_named_on_the_page() -> None:
    page = (DEPLOY / "README.md").read_text()
    links = {(DEPLOY / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", page)}
    assert [] == [str(link) for link in links if not link.exists()]
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and path.name != "README.md"]
    assert [] == [str(path) for path in files if not {path, *path.parents} & links]


def test_every_option_that_is_used_there_is_one() -> None:
    known = set(re.findall(r"--[a-z][a-z-]+", options_of("suite") + options_of("audit")))
    for path in (
        DEPLOY / "systemd" / "dbops-suite.service",
        DEPLOY / "kubernetes" / "cronjob.yaml",
        DEPLOY / "github-action" / "action.yml",
        DEPLOY / "github" / "dbops.yml",
        DEPLOY / "gitlab" / "dbops.gitlab-ci.yml",
        DEPLOY / "pre-commit" / "audit-migrations.sh",
    ):
        lines = [line for line in path.read_text().splitlines() if re.search(r"dbops\"? (suite|audit|\")|args:", line)]
        assert lines, path
        used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "\n".join(lines)))
        assert used <= known, path


def test_every_variable_that_is_used_is_a_setting() -> None:
    from dbops.settings import Settings
    from dbops.settings.layers import variable_names

    known = {*variable_names(Settings), "DBOPS_CONFIG"}
    used = {
        name
        for path in DEPLOY.rglob("*")
        if path.is_file()
        for name in re.findall(r"\bDBOPS_[A-Z_]+\b", path.read_text())
    }
    assert set() == used - known
    assert {"DBOPS_LOG_DIR", "DBOPS_EVIDENCE_KEY_FILE"} <= used


def test_the_action_is_composite_and_its_scripts_hold_no_expression(yaml_in: YamlIn) -> None:
    action = yaml_in((DEPLOY / "github-action" / "action.yml").read_text())
    assert "composite" == action["runs"]["using"]
    steps = action["runs"]["steps"]
    assert [] == [step["name"] for step in steps if "run" in step and "${{" in step["run"]]
    assert [] == [step for step in steps if "run" in step and step.get("shell") != "bash"]
    used = set(re.findall(r"inputs\.([a-z-]+)", json.dumps(steps)))
    assert set(action["inputs"]) == used
    for step in steps:
        if "run" in step:
            subprocess.run(["bash", "-n"], input=step["run"], text=True, check=True)


def test_the_action_s_script_ends_with_the_verdict_and_keeps_no_key(yaml_in: YamlIn, tmp_path: Path) -> None:
    action = yaml_in((DEPLOY / "github-action" / "action.yml").read_text())
    script = next(step["run"] for step in action["runs"]["steps"] if step.get("id") == "run")
    fake = tmp_path / "bin" / "dbops"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$@" > called\nstat -c %a "$DBOPS_EVIDENCE_KEY_FILE" > mode\nenv > seen\nexit 1\n')
    fake.chmod(0o755)
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={
            "PATH": f"{fake.parent}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "COMMAND": "suite",
            "ARGUMENTS": "--fail-on warning",
            "EVIDENCE_KEY": "canary key",
        },
        check=False,
    )
    assert 1 == done.returncode
    assert "exit-code=1\n" == (tmp_path / "output").read_text()
    assert "suite --fail-on warning --format github --output dbops.html --output dbops.json\n" == (
        (tmp_path / "called").read_text()
    )
    assert "600\n" == (tmp_path / "mode").read_text()
    assert "canary" not in (tmp_path / "seen").read_text()
    assert not (tmp_path / "evidence.pem").exists()


def test_the_pre_commit_hook_is_a_local_script_that_is_there(yaml_in: YamlIn) -> None:
    (repo,) = yaml_in((DEPLOY / "pre-commit" / ".pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repo["hooks"]
    assert ("local", "script", False) == (repo["repo"], hook["language"], hook["pass_filenames"])
    assert os.access(ROOT / hook["entry"], os.X_OK)
    assert re.match(hook["files"], "migrations/0001_initial.sql")


@pytest.mark.parametrize(
    ("migration", "code"),
    [("create table t (id bigint primary key)", 0), ("create table t (id bigint)", 1), ("create tabel t (id int)", 3)],
    ids=["sound", "without a primary key", "that fails"],
)
def test_the_pre_commit_hook_audits_what_the_migrations_make_and_leaves_no_database(
    database: Target, run_sql: Callable[..., list[tuple[Any, ...]]], tmp_path: Path, migration: str, code: int
) -> None:
    program("psql")
    names = "select datname from pg_catalog.pg_database order by datname"
    before = run_sql(database, names)
    (tmp_path / "m.sql").write_text(migration)
    (tmp_path / "dbops.toml").touch()  # the search for one ends here
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [
            DEPLOY / "pre-commit" / "audit-migrations.sh",
            "--fail-on",
            "info",
            "--select",
            "no-primary-key",
        ],
        cwd=tmp_path,
        env={
            "PATH": path,
            "HOME": str(tmp_path),
            "SCRATCH_URL": f"postgresql://{database.user}@/postgres?host={database.host}&port={database.port}",
            "MIGRATE": 'psql -qX -v ON_ERROR_STOP=1 "$DATABASE_URL" -f m.sql',
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert code == done.returncode, done.stderr
    assert before == run_sql(database, names)


def test_systemd_has_nothing_against_the_units() -> None:
    analyze = program("systemd-analyze")
    units = [DEPLOY / "systemd" / f"dbops-suite.{kind}" for kind in ("service", "timer")]
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
    # The one thing that it cannot find is dbops itself, which is not installed where the unit says.
    ours = [line for line in done.stderr.splitlines() if "dbops-suite" in line]
    assert [] == [line for line in ours if "/usr/local/bin/dbops" not in line]
    calendar = re.findall(r"OnCalendar=(.+)", units[1].read_text())
    assert 0 == subprocess.run([analyze, "calendar", *calendar], capture_output=True, check=False).returncode


def test_the_cron_job_never_overlaps_never_retries_and_runs_as_nobody_special(yaml_in: YamlIn) -> None:
    job = yaml_in((DEPLOY / "kubernetes" / "cronjob.yaml").read_text())
    assert ("batch/v1", "CronJob", "Forbid") == (job["apiVersion"], job["kind"], job["spec"]["concurrencyPolicy"])
    template = job["spec"]["jobTemplate"]["spec"]
    assert 0 == template["backoffLimit"]
    pod = template["template"]["spec"]
    assert ("Never", True) == (pod["restartPolicy"], pod["securityContext"]["runAsNonRoot"])
    volumes = {volume["name"] for volume in pod["volumes"]}
    containers = [*pod["initContainers"], *pod["containers"]]
    mounted = {mount["name"] for container in containers for mount in container["volumeMounts"]}
    assert volumes == mounted
    assert 1 == len({container["image"] for container in containers})
    places = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    for variable in pod["containers"][0]["env"]:
        assert any(variable["value"].startswith(f"{place}/") for place in places), variable


def test_the_image_is_that_of_an_ordinary_user_with_its_programs() -> None:
    lines = list(_instructions((DEPLOY / "Dockerfile").read_text()))
    words = [line.split(maxsplit=1)[0] for line in lines]
    known = {"FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "ENTRYPOINT", "CMD"}
    assert set(words) <= known
    assert "FROM" == words[0]
    assert words.index("USER") > max(place for place, word in enumerate(words) if word == "RUN")
    for line in lines:
        keyword, rest = line.split(maxsplit=1)
        if keyword in {"ENTRYPOINT", "CMD", "VOLUME"}:
            assert isinstance(json.loads(rest), list)
        if keyword == "RUN":
            subprocess.run(["sh", "-n"], input=rest, text=True, check=True)


def _instructions(text: str) -> Iterator[str]:
    """Yield the instructions of a Dockerfile, each on one line, without comments."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text))
    yield from (line for line in joined.splitlines() if line.strip())


def metrics() -> set[str]:
    """Return the names of all metrics that dbops writes, as its page has them."""
    return set(re.findall(r"^\| `(dbops_\w+)`", (ROOT / "docs/how-to/output-formats.md").read_text(), re.MULTILINE))


@pytest.mark.parametrize("file", ["prometheus/alerts.yml", "grafana/dashboard.json"])
def test_every_metric_that_is_asked_for_is_one_that_dbops_writes(file: str) -> None:
    asked = set(re.findall(r"\bdbops_[a-z_]+\b", (DEPLOY / file).read_text()))
    assert asked
    assert set() == asked - metrics()


def test_the_alerts_fire_when_they_should_and_not_before() -> None:
    promtool = program("promtool")
    rules = DEPLOY / "prometheus"
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *words], cwd=rules, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stdout + done.stderr


def test_the_alerts_are_rules_with_a_severity_and_a_summary_each(yaml_in: YamlIn) -> None:
    (group,) = yaml_in((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert {"severity"} == set(rule["labels"])
        assert {"summary", "description"} == set(rule["annotations"])
    names = [rule["alert"] for rule in group["rules"]]
    assert len(set(names)) == len(names) >= 8


def test_the_dashboard_s_panels_do_not_overlap_and_ask_the_chosen_data_source() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        for target in panel["targets"]:
            assert "${datasource}" == target["datasource"]["uid"]
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
