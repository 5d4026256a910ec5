"""Drills of real backups: what is restored, compared and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dbops.backup.create import create_backup
from dbops.backup.options import BackupOptions
from dbops.drill.options import DrillOptions
from dbops.drill.restore import drill_restore
from dbops.drill.schema import drill_schema
from dbops.evidence.run import Run
from dbops.model import Verdict
from dbops.storage.local import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.connection.target import Target


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore.open(tmp_path / "backups")


def test_a_backup_of_the_erp_restores_with_every_row(erp: Target, store: LocalStore, tmp_path: Path) -> None:
    with Run.start("backup", tmp_path / "logs", "backup") as backup:
        create_backup(erp, store, backup, options=BackupOptions())
    with Run.start("drill", tmp_path / "logs", "backup-drill") as run:
        drill_restore(backup.target, store, run, options=DrillOptions())
    _show(run)
    assert run.report.restorability is Verdict.PASS


def test_the_schema_of_the_erp_rebuilds(erp: Target, tmp_path: Path) -> None:
    with Run.start("drill", tmp_path / "logs", "backup-drill") as run:
        drill_schema(erp, run, options=DrillOptions())
    _show(run)
    assert run.report.verdict is Verdict.PASS

def _show(run):
    r = run.report
    for s in r.steps: print(s.name, s.status, s.duration_ms, s.exit_code, s.output)
    for c in r.checks: print(c.check, c.status, c.scope, c.method, [(f.object, f.detail) for f in c.findings])
    for o in r.objectives: print(o)
    print(*r.not_tested, sep="\n"); print(*r.notes, sep="\n"); print(r.restorability, r.verdict, r.exit_code)
