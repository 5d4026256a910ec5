"""A real pgBackRest: what it says, what it hides, and what is made of both."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from dbops.drill.rpo.matrix import matrix
from dbops.drill.rpo.pgbackrest import PgBackRest, of_pgbackrest
from dbops.model import ObjectiveStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbops.drill.rpo.copies import SurvivingCopy

    from .conftest import Served

pytestmark = pytest.mark.skipif(shutil.which("pgbackrest") is None, reason="pgbackrest is not installed")
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(scope="module")
def config(served: Served) -> Path:
    server = served.server
    repository = server.own_directory("repository")
    path = server.directory / "pgbackrest.conf"
    path.write_text(
        "[global]\n"
        + "".join(f"{name}-path={repository}/{name}\n" for name in ("repo1", "log", "lock", "spool"))
        + "log-level-file=off\nstart-fast=y\ncompress-type=gz\nrepo1-retention-full=9\n"
        + f"[main]\npg1-path={server.data_directory}\npg1-socket-path={server.socket_directory}\n"
        + f"pg1-port=5432\npg1-user={server.superuser}\n"
    )
    path.chmod(0o644)
    return path


def command(config: Path) -> str:
    return f"pgbackrest --config={config} --stanza=main archive-push %p"


def pgbackrest(served: Served, config: Path, *arguments: str) -> str:
    return served.program("pgbackrest", f"--config={config}", "--stanza=main", *arguments)


@pytest.fixture(scope="module")
def repository(served: Served, config: Path) -> Path:
    """A repository with a full backup, that the server archives to."""
    pgbackrest(served, config, "stanza-create")
    served.sql(f"alter system set archive_command = '{command(config)}'", "select pg_reload_conf()")
    pgbackrest(served, config, "backup", "--type=full")
    return config.parent / "repository"


def read(served: Served, config: Path, stanza: str = "main") -> SurvivingCopy:
    return of_pgbackrest(PgBackRest(stanza, config), served.position(), os.environ)


def test_a_stanza_that_is_not_there_is_broken_though_the_program_ends_well(served: Served, config: Path) -> None:
    assert "missing stanza path" in (read(served, config).broken or "")


def test_a_whole_repository_meets_the_objective_with_archive_timeout(
    served: Served, config: Path, repository: Path
) -> None:
    segment = served.commit_and_switch()
    served.until(f"last_archived_wal >= '{segment}'")
    copy = read(served, config)
    assert (None, None, MINUTE) == (copy.broken, copy.doubt, copy.bound)
    assert copy.now is not None
    assert copy.now <= MINUTE
    assert int(copy.inputs["segments"] or 0) >= 2
    assert [ObjectiveStatus.MET] * 2 == [one.status for one in matrix([copy], 15 * MINUTE)[:2]]
    assert repository.exists()


@pytest.fixture
def dropped(served: Served, config: Path, repository: Path) -> Iterator[str]:
    """A segment that the server was told is archived, and that is not in the repository."""
    assert repository.exists()
    served.sql("alter system set archive_command = '/bin/true'", "select pg_reload_conf()")
    lost = served.commit_and_switch()
    served.until(f"last_archived_wal >= '{lost}'")
    served.sql(f"alter system set archive_command = '{command(config)}'", "select pg_reload_conf()")
    later = served.commit_and_switch()
    served.until(f"last_archived_wal >= '{later}'")
    yield lost
    pgbackrest(served, config, "backup", "--type=full")


def test_a_hole_that_pgbackrest_calls_ok_is_found_in_its_listing(served: Served, config: Path, dropped: str) -> None:
    said = pgbackrest(served, config, "info", "--output=json")
    assert '"status":{"code":0' in said
    copy = read(served, config)
    assert f"{dropped} is not there, 1 later one is" == copy.broken
    assert (copy.now or dt.timedelta()) > dt.timedelta()
    host = matrix([copy], 15 * MINUTE)[0]
    assert ObjectiveStatus.MISSED is host.status
    assert "take a new full backup" in host.method


def test_a_new_backup_heals_what_a_hole_has_broken(served: Served, config: Path, repository: Path) -> None:
    assert repository.exists()
    assert read(served, config).broken is None


def test_a_queue_that_may_drop_segments_is_a_doubt(served: Served, config: Path, tmp_path: Path) -> None:
    other = tmp_path / "pgbackrest.conf"
    other.write_text(config.read_text().replace("start-fast=y", "archive-push-queue-max=2MB"))
    copy = of_pgbackrest(PgBackRest("main", other), served.position(), os.environ)
    assert "archive-push-queue-max is set" in (copy.doubt or "")
    assert ObjectiveStatus.NOT_MEASURED is matrix([copy], 15 * MINUTE)[0].status


def test_a_repository_of_another_cluster_is_said_to_be_one(served: Served, config: Path, repository: Path) -> None:
    from dataclasses import replace

    assert repository.exists()
    strange = replace(served.position(), system_identifier="1")
    assert of_pgbackrest(PgBackRest("main", config), strange, os.environ).broken == "it is of another cluster"


def test_a_program_that_is_missing_or_fails_is_no_good_news(served: Served, tmp_path: Path) -> None:
    position = served.position()
    nowhere = of_pgbackrest(PgBackRest("main"), position, {"PATH": str(tmp_path)})
    assert nowhere.doubt == "it could not be asked: pgbackrest is not installed here"
    assert ObjectiveStatus.NOT_MEASURED is matrix([nowhere], 15 * MINUTE)[0].status
    (tmp_path / "bad.conf").write_text("[global]\nno-such-option=1\nrepo1-path=relative\n")
    failed = of_pgbackrest(PgBackRest("main", tmp_path / "bad.conf"), position, os.environ)
    assert "pgbackrest ended with exit code" in (failed.doubt or "")
