"""The script that begins a rule writes what the tests then ask to be filled in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "new_rule.py"


def begin(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments, "--root", str(root)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "src/dbops/checks/rules/keys").mkdir(parents=True)
    (tmp_path / "tests/checks/cases").mkdir(parents=True)
    return tmp_path


def test_it_writes_a_rule_and_its_cases(checkout: Path) -> None:
    done = begin(checkout, "fk-type-mismatch", "--family", "keys")
    written = ["src/dbops/checks/rules/keys/fk_type_mismatch.py", "tests/checks/cases/fk-type-mismatch.sql"]
    assert (done.returncode, done.stdout.split()) == (0, written)
    rule = (checkout / written[0]).read_text()
    compile(rule, written[0], "exec")
    assert rule.startswith('"""Fk type mismatch.')
    assert "-- case (near miss):" in (checkout / written[1]).read_text()


def test_it_overwrites_nothing(checkout: Path) -> None:
    begin(checkout, "fk-type-mismatch", "--family", "keys")
    rule = checkout / "src/dbops/checks/rules/keys/fk_type_mismatch.py"
    rule.write_text("mine")
    done = begin(checkout, "fk-type-mismatch", "--family", "keys")
    assert (done.returncode, rule.read_text()) == (2, "mine")


@pytest.mark.parametrize(
    ("slug", "family", "words"),
    [("FkType", "keys", "is no slug"), ("../x-y", "keys", "is no slug"), ("fk-type", "locks", "there are: keys")],
)
def test_it_refuses_what_is_no_slug_or_family(slug: str, family: str, words: str, checkout: Path) -> None:
    done = begin(checkout, slug, "--family", family)
    assert done.returncode == 2
    assert words in done.stderr
