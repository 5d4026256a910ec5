"""Backups of a real server: what is published, and what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from dbops.backup.create import create_backup
from dbops.backup.options import BackupOptions
from dbops.evidence.run import Run
from dbops.storage.local import LocalStore, verify_hashes

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.connection.target import Target


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore.open(tmp_path / "backups")


def test_a_backup_of_the_erp_is_published_with_a_manifest_that_matches(
    erp: Target, store: LocalStore, tmp_path: Path
) -> None:
    with Run.start("backup", tmp_path / "logs", "backup") as run:
        manifest = create_backup(erp, store, run, options=BackupOptions())
    print(json.dumps(run.report.to_json(), indent=1))
    print((store.directory / "backup-report.jsonl").read_text())
    (stored,) = store.backups()
    assert manifest == stored.manifest
    verify_hashes(stored)
