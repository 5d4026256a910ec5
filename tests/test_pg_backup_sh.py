"""scripts/pg_backup.sh: the environment of old, and no logic of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dbops.connection.target import Target

_SCRIPT = Path(__file__).parents[1] / "scripts" / "pg_backup.sh"


def _run(cwd: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script with the `dbops` beside this interpreter first in PATH, and no variable of ours in the way."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBOPS", "DATABASE"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [_SCRIPT, *arguments],
        cwd=cwd,
        env={**kept, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _url(target: Target) -> str:
    return f"postgresql://{target.user}@/{target.database}?host={target.host}"


def test_it_backs_up_to_where_the_environment_says(erp: Target, tmp_path: Path) -> None:
    telemetry = tmp_path / "my telemetry.jsonl"
    result = _run(
        tmp_path,
        DATABASE_URL=_url(erp),
        BACKUP_DIR=str(tmp_path / "my backups"),
        BACKUP_REPORT_PATH=str(telemetry),
    )
    assert (0, "") == (result.returncode, result.stderr if result.returncode else "")
    line = json.loads(telemetry.read_text())
    assert (tmp_path / "my backups" / line["file"]).is_file()


def test_further_arguments_are_passed_on(erp: Target, tmp_path: Path) -> None:
    result = _run(tmp_path, "--json", DATABASE_URL=_url(erp))
    assert ("backup", "pass") == tuple(json.loads(result.stdout)[key] for key in ("command", "verdict"))
    assert 1 == len(list((tmp_path / "backups").glob("*.dump")))


def test_without_a_database_it_says_how_to_name_one(tmp_path: Path) -> None:
    result = _run(tmp_path)
    assert 2 == result.returncode
    assert "DATABASE_URL" in result.stderr
    assert [] == list(tmp_path.iterdir())


def test_the_exit_code_is_that_of_dbops(tmp_path: Path) -> None:
    result = _run(tmp_path, DATABASE_URL=f"postgresql://nobody@/none?host={tmp_path}")
    assert 3 == result.returncode


def _program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {says} $1\n")
    path.chmod(0o755)
    return path


def _started(script: Path, **variables: str) -> tuple[int, str, str]:
    """Run a copy of the script with nothing else in its environment."""
    done = subprocess.run(
        [script], env={"DATABASE_URL": "postgresql:///erp", **variables}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_the_program_is_the_named_one_else_that_of_the_checkout_else_that_of_the_path(tmp_path: Path) -> None:
    script = tmp_path / "my checkout" / "scripts" / "pg_backup.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(_SCRIPT, script)
    named = _program(tmp_path / "my own dbops", "named")
    installed = _program(tmp_path / "bin" / "dbops", "installed").parent
    path = f"{installed}:/usr/bin:/bin"
    assert (0, "installed backup", "") == _started(script, PATH=path)
    _program(script.parents[1] / ".venv" / "bin" / "dbops", "checkout")
    assert (0, "checkout backup", "") == _started(script, PATH=path)
    assert (0, "named backup", "") == _started(script, PATH=path, DBOPS=str(named))


@pytest.mark.parametrize("variables", [{}, {"DBOPS": "/nowhere/dbops"}])
def test_without_the_program_it_says_how_to_name_it(tmp_path: Path, variables: dict[str, str]) -> None:
    script = tmp_path / "pg_backup.sh"
    shutil.copy(_SCRIPT, script)
    code, out, err = _started(script, PATH="/usr/bin:/bin", **variables)
    assert (3, "") == (code, out)
    assert "name the program in DBOPS" in err
