"""scripts/pg_backup.sh: the environment of old, and no logic of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
