"""Damage of every kind, through the drill: found before the restore or after it, and never passed."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dbops.connection.binaries import find_client, find_server
from dbops.drill.foreign import drill_artifact
from dbops.drill.options import DrillOptions
from dbops.drill.restore import drill_restore
from dbops.errors import DbopsError, ExitCode
from dbops.evidence.run import Run
from dbops.model import TargetInfo, Verdict
from dbops.storage.local import LocalStore
from dbops.storage.stored import StoredBackup, read_stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from dbops.connection.target import Target
    from dbops.model import Report


def _corpus() -> ModuleType:
    """Return the corpus of damage that every backup is verified against."""
    path = Path(__file__).parents[1] / "backup" / "test_corruption.py"
    spec = importlib.util.spec_from_file_location("damage_corpus", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["damage_corpus"] = module  # where its annotations are looked for
    spec.loader.exec_module(module)
    return module


CORPUS = _corpus()
# One of each kind; the corpus has a hundred of the first ones, and numbers in their names.
SAMPLE = (
    "cut at 0", "bit 0 of 5", "a sector of zeros", "a byte more", "blocks ", "5 bytes at the end", ".sha256: bit",
    ".manifest.json: bit", ".roles.json empty", ".inventory.jsonl cut in half", ".list of another backup",
    ".manifest.json exchanged", ".dump missing", "dumps exchanged", "dump of another backup",
    "another dump, manifest and checksums made to fit", "the dump is a directory",
    "the dump is a link to the null device", "manifest says a row count, checksums made to fit",
    "manifest says no roles, checksums made to fit", "manifest says another version, checksums made to fit",
    "manifest says a path upward, checksums made to fit",
)  # fmt: skip


def _drill(store: LocalStore, stored: StoredBackup, logs: Path) -> Report:
    source = stored.manifest.source
    identity = TargetInfo(
        host="h", port=5432, database=source.database, user="u", system_identifier=source.system_identifier
    )
    try:
        # By its name: a damaged manifest is looked at, however little of it is left.
        with Run.start("drill", logs, "backup-drill") as run:
            found = read_stored(store.directory / stored.path.name)
            chosen = found if isinstance(found, StoredBackup) else None
            drill_restore(identity, store, run, options=DrillOptions(), chosen=chosen)
    except DbopsError as error:
        return error.report
    return run.report


def test_one_damage_of_each_kind_fails_the_drill(
    database: Target,
    run_sql: Any,
    store: LocalStore,
    back_up: Callable[..., StoredBackup],
    tmp_path: Path,
) -> None:
    run_sql(database, CORPUS.CONTENT)
    other = back_up(database)
    # A table more: within one second the listings of two alike would be the same, and to exchange them no damage.
    run_sql(database, "update customers set note = 'x' where id % 2 = 0; create table later (i int)")
    stored = back_up(database)
    assert Verdict.PASS is _drill(store, stored, tmp_path / "logs").restorability
    sizes = {suffix: CORPUS._file(stored.path, suffix).stat().st_size for suffix in CORPUS.SMALL}
    corpus = list(CORPUS._corpus(stored.dump.stat().st_size, sizes))
    drilled = []
    for kind in SAMPLE:
        damage = next(one for one in corpus if one.name.startswith(kind))
        copy = LocalStore(shutil.copytree(store.directory, tmp_path / f"copy-{len(drilled)}"))
        damage.do(copy.directory / stored.path.name, copy.directory / other.path.name)
        report = _drill(copy, stored, tmp_path / "logs")
        drilled.append((kind, report.restorability, report.exit_code))
        shutil.rmtree(copy.directory)
    assert [(kind, Verdict.FAIL, ExitCode.FAIL) for kind in SAMPLE] == drilled


def test_a_manifest_that_lies_is_found_by_the_copy_where_no_evidence_is_at_hand(
    database: Target, run_sql: Any, store: LocalStore, back_up: Callable[..., StoredBackup], tmp_path: Path
) -> None:
    run_sql(database, CORPUS.CONTENT)
    stored = back_up(database)
    CORPUS._rewrite(stored.path, CORPUS.EDITS["a digest"], checksums=True)
    report = _drill(store, stored, tmp_path / "elsewhere")
    assert (Verdict.FAIL, ExitCode.FAIL) == (report.restorability, report.exit_code)


@pytest.fixture
def foreign(database: Target, run_sql: Any, tmp_path: Path) -> Callable[[str], Path]:
    """Make an archive of the corpus' content in one of the forms."""
    run_sql(database, CORPUS.CONTENT)
    client = find_client(find_server(None, environ=os.environ).version, environ=os.environ, local=True)

    def make(form: str) -> Path:
        path = tmp_path / f"archive-{form}"
        command = [client.program("pg_dump"), f"--format={form}", f"--file={path}", f"--dbname={database.conninfo()}"]
        subprocess.run(command, check=True)
        return path

    return make


def _drill_file(path: Path, logs: Path) -> Report:
    try:
        with Run.start("drill", logs, "backup-drill") as run:
            drill_artifact(path, run, options=DrillOptions(), data=True)
    except DbopsError as error:
        return error.report
    return run.report


def _verdicts(path: Path, logs: Path) -> tuple[Verdict | None, int]:
    report = _drill_file(path, logs)
    return report.restorability, report.exit_code


FAILED = (Verdict.FAIL, int(ExitCode.FAIL))


def test_rows_that_were_cut_off_or_changed_fail_though_nothing_was_recorded_beside_them(
    foreign: Callable[[str], Path], tmp_path: Path
) -> None:
    """gzip's own checksum finds what no manifest is there to tell."""
    path = foreign("custom")
    whole = path.read_bytes()
    rows = whole.index(b"\x78\x9c") + 2  # where the first compressed block begins, behind the table of contents
    place = random.Random(3)  # noqa: S311  (repeatable, not secret)
    flipped = bytearray(whole)
    flipped[place.randrange(rows, len(whole) - 5000)] ^= 4
    for damaged in (whole[: len(whole) * 2 // 3], whole[:-20], bytes(flipped)):
        path.write_bytes(damaged)
        assert FAILED == _verdicts(path, tmp_path / "logs")


def test_a_directory_that_lost_a_file_or_holds_half_of_one_fails(
    foreign: Callable[[str], Path], tmp_path: Path
) -> None:
    path = foreign("directory")
    largest = max((one for one in path.iterdir() if one.name != "toc.dat"), key=lambda one: one.stat().st_size)
    data = largest.read_bytes()
    largest.write_bytes(data[: len(data) // 2])
    assert FAILED == _verdicts(path, tmp_path / "logs")
    largest.unlink()
    assert FAILED == _verdicts(path, tmp_path / "logs")


@pytest.mark.parametrize("at", [0.05, 0.5, 0.99])
def test_a_tar_that_is_cut_off_fails_before_pg_restore_would_read_it_for_ever(
    at: float, foreign: Callable[[str], Path], tmp_path: Path
) -> None:
    path = foreign("tar")
    os.truncate(path, int(path.stat().st_size * at))
    report = _drill_file(path, tmp_path / "logs")
    assert FAILED == (report.restorability, report.exit_code)
    assert "provision" not in {step.name for step in report.steps}


def test_a_tar_with_a_broken_header_fails(foreign: Callable[[str], Path], tmp_path: Path) -> None:
    path = foreign("tar")
    data = bytearray(path.read_bytes())
    second = data.index(b"ustar", 600)
    data[second - 100] ^= 1
    path.write_bytes(data)
    assert FAILED == _verdicts(path, tmp_path / "logs")
