"""Formats for programs, from outside: what is on stdout, in a file and on the page of a CI step."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from junitparser import JUnitXml
from prometheus_client.parser import text_string_to_metric_families

from dbops.render.formats import Format

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Dbops

UNREACHABLE = "--database-url=postgresql://u@127.0.0.1:1/d?connect_timeout=1"
LAST_SUCCESS = "dbops_last_success_timestamp_seconds"


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: Path) -> Path:
    """The file of the step summary, as on a runner."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return path


@pytest.mark.parametrize("chosen", [chosen for chosen in Format if chosen is not Format.TABLE])
def test_a_run_that_could_not_be_carried_out_still_prints_its_document(dbops: Dbops, chosen: Format) -> None:
    answered = dbops("audit", UNREACHABLE, "--format", chosen)
    assert 3 == answered.code
    assert answered.out != ""


def test_every_file_asked_for_is_written_in_the_format_of_its_extension(dbops: Dbops, bare_environment: Path) -> None:
    files = ("r.json", "r.sarif", "r.xml", "r.md", "r.prom", "r.txt")
    answered = dbops("audit", UNREACHABLE, *(f"--output={file}" for file in files))
    assert 3 == answered.code
    texts = {file: (bare_environment / file).read_text() for file in files}
    assert "dbops/report/v1" == json.loads(texts["r.json"])["schema"]
    assert "2.1.0" == json.loads(texts["r.sarif"])["version"]
    assert ["verdict"] == [case.name for suite in JUnitXml.fromstring(texts["r.xml"].encode()) for case in suite]
    assert texts["r.md"].startswith("# dbops audit: INCONCLUSIVE\n")
    assert "INCONCLUSIVE" in texts["r.txt"]
    metrics = {s.name: s.value for family in text_string_to_metric_families(texts["r.prom"]) for s in family.samples}
    assert (3, 0) == (metrics["dbops_last_run_exit_code"], metrics[LAST_SUCCESS])


def test_only_metrics_are_for_others_to_read(dbops: Dbops, bare_environment: Path) -> None:
    dbops("audit", UNREACHABLE, "--output=r.prom", "--output=r.sarif")
    modes = {name: stat.S_IMODE((bare_environment / name).stat().st_mode) for name in ("r.prom", "r.sarif")}
    assert {"r.prom": 0o644, "r.sarif": 0o600} == modes


def test_metrics_keep_the_last_success_of_the_file_they_replace(dbops: Dbops, bare_environment: Path) -> None:
    file = bare_environment / "r.prom"
    file.write_text(f'{LAST_SUCCESS}{{command="audit",host="h:1",database="d"}} 1.7e+09\n')
    dbops("audit", UNREACHABLE, "--output=r.prom")
    assert f'{LAST_SUCCESS}{{command="audit",database="d",host="h:1"}} 1.7e+09' in file.read_text().splitlines()


def test_metrics_replace_what_is_no_text(dbops: Dbops, bare_environment: Path) -> None:
    file = bare_environment / "r.prom"
    file.write_bytes(b"\xff\xfe\x00")
    dbops("audit", UNREACHABLE, "--output=r.prom")
    assert file.read_text().startswith("# HELP dbops_")


def test_on_a_runner_the_report_is_added_to_the_step_summary(dbops: Dbops, summary: Path) -> None:
    answered = dbops("audit", UNREACHABLE)
    assert 3 == answered.code
    assert summary.read_text().startswith("before\n# dbops audit: INCONCLUSIVE\n")


def test_a_list_is_not_added_to_the_step_summary(dbops: Dbops, summary: Path) -> None:
    assert 0 == dbops("config", "show").code
    assert "before\n" == summary.read_text()


def test_off_a_runner_nothing_is_added(dbops: Dbops, summary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    dbops("audit", UNREACHABLE)
    assert "before\n" == summary.read_text()


def test_a_summary_that_cannot_be_written_is_said_and_changes_nothing(
    dbops: Dbops, summary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary.parent))
    answered = dbops("audit", UNREACHABLE, "--json")
    assert (3, 3) == (answered.code, answered.report["exitCode"])
    assert "the step summary could not be written" in answered.err
