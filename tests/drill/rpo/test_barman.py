"""A real Barman: what it says, what it passes over, and what is made of both."""

from __future__ import annotations

import datetime as dt
import os
import pwd
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dbops.drill.rpo.barman import Barman, of_barman
from dbops.drill.rpo.matrix import matrix
from dbops.model import ObjectiveStatus

if TYPE_CHECKING:
    from pathlib import Path

    from dbops.drill.rpo.copies import SurvivingCopy

    from .conftest import Served

pytestmark = pytest.mark.skipif(shutil.which("barman") is None, reason="barman is not installed")
LIMIT = dt.timedelta(minutes=15)


@pytest.fixture(scope="module")
def config(served: Served) -> Path:
    """Barman, with a backup and the log since, run as the server's user."""
    server = served.server
    home = server.own_directory("barman")
    user = server.run_as.name if server.run_as else pwd.getpwuid(os.geteuid()).pw_name
    path = server.directory / "barman.conf"
    where = f"host={server.socket_directory} user={server.superuser}"
    path.write_text(
        f"[barman]\nbarman_user = {user}\nconfiguration_files_directory = {home}/conf.d\nbarman_home = {home}\n"
        f"log_file = {home}/barman.log\ncompression = gzip\n"
        f"[main]\nconninfo = {where} dbname=postgres\nstreaming_conninfo = {where}\nbackup_method = postgres\n"
        f"archiver = on\npath_prefix = {server.binaries.directory}\n"
        f"[other]\nconninfo = {where} dbname=postgres\nstreaming_conninfo = {where}\nbackup_method = postgres\n"
        f"archiver = on\npath_prefix = {server.binaries.directory}\n"
    )
    path.chmod(0o644)
    incoming = home / "main" / "incoming"
    # Barman makes its directories when it is first asked.
    for one in ("main", "other"):
        served.program("barman", f"--config={path}", "check", one, codes=(0, 1))
    served.sql(
        f"alter system set archive_command = 'cp %p {incoming}/%f.tmp && mv {incoming}/%f.tmp {incoming}/%f'",
        "select pg_reload_conf()",
    )
    archived(served, path)
    served.program("barman", f"--config={path}", "backup", "main")
    archived(served, path)
    return path


def archived(served: Served, config: Path) -> str:
    """Commit, finish the segment and let Barman take it in; return its name."""
    segment = served.commit_and_switch()
    served.until(f"last_archived_wal >= '{segment}'")
    served.program("barman", f"--config={config}", "archive-wal", "main")
    return segment


def read(served: Served, config: Path, server: str = "main") -> SurvivingCopy:
    return of_barman(Barman(server, config), served.position(), os.environ)


def test_a_whole_archive_meets_the_objective_with_archive_timeout(served: Served, config: Path) -> None:
    copy = read(served, config)
    assert (None, None, dt.timedelta(minutes=1)) == (copy.broken, copy.doubt, copy.bound)
    assert int(copy.inputs["segments"] or 0) >= 2
    assert ObjectiveStatus.MET is matrix([copy], LIMIT)[0].status


def test_a_setting_that_barman_passes_over_with_a_warning_is_a_doubt(served: Served, config: Path) -> None:
    careless = config.with_name("careless.conf")
    careless.write_text(config.read_text().replace("[other]", "last_backup_maximum_age = 15 MINUTES\n[other]"))
    careless.chmod(0o644)
    copy = read(served, careless)
    assert copy.doubt is not None
    assert ObjectiveStatus.NOT_MEASURED is matrix([copy], LIMIT)[0].status


def test_a_file_that_barman_lists_and_that_is_gone_is_a_gap(served: Served, config: Path) -> None:
    lost, later = archived(served, config), archived(served, config)
    path = served.server.directory / "barman" / "main" / "wals" / lost[:16] / lost
    content = path.read_bytes()
    path.unlink()
    copy = read(served, config)
    path.write_bytes(content)
    assert f"{lost} is not there, 1 later one is" == copy.broken
    assert later > lost
    assert ObjectiveStatus.MISSED is matrix([copy], LIMIT)[0].status


def test_a_server_without_a_backup_or_unknown_to_barman_is_no_good_news(served: Served, config: Path) -> None:
    assert "no good backup" in (read(served, config, "other").broken or "")
    assert "could not be asked" in (read(served, config, "nobody").doubt or "")
    strange = replace(served.position(), system_identifier="1")
    assert of_barman(Barman("main", config), strange, os.environ).broken == "it is of another cluster"
    assert (
        of_barman(Barman("main"), strange, {"PATH": ""}).doubt == "it could not be asked: barman is not installed here"
    )
