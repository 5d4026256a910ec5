"""A source with roles of its own, and drills of what was backed up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbops.connection.binaries import find_server
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.drill.options import DrillOptions
from dbops.drill.restore import drill_restore
from dbops.drill.schema import drill_schema
from dbops.errors import DbopsError
from dbops.evidence.run import Run
from dbops.model import TargetInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.target import Target
    from dbops.model import Report
    from dbops.storage.local import LocalStore
    from dbops.storage.stored import StoredBackup

_NASTY = Path(__file__).with_name("nasty.sql")


@pytest.fixture(scope="module")
def nasty() -> Iterator[Target]:
    """A database full of what restores trip over, in a cluster of its own: its roles are everybody's there."""
    settings = {"fsync": "off", "cluster_name": "source"}
    with ScratchServer(find_server(None, environ=os.environ), settings=settings) as server:
        with scratch(server, "postgres") as connection:
            connection.execute("create database nasty")
        with scratch(server, "nasty") as connection:
            connection.execute(_NASTY.read_bytes())
        yield server.target("nasty")


def identity_of(stored: StoredBackup) -> TargetInfo:
    source = stored.manifest.source
    return TargetInfo(
        host="source", port=5432, database=source.database, user="dbops", system_identifier=source.system_identifier
    )


@pytest.fixture
def drill(store: LocalStore, tmp_path: Path) -> Callable[..., Report]:
    """Drill the newest backup of the database that a stored one is of; an error's report is a report too."""

    def make(stored: StoredBackup, options: DrillOptions | None = None) -> Report:
        try:
            with Run.start("drill", tmp_path / "logs", "backup-drill") as run:
                drill_restore(identity_of(stored), store, run, options=options or DrillOptions())
        except DbopsError as error:
            return error.report
        return run.report

    return make


@pytest.fixture
def rebuild(tmp_path: Path) -> Callable[..., Report]:
    """Drill the schema of a target; an error's report is a report too."""

    def make(target: Target, options: DrillOptions | None = None) -> Report:
        try:
            with Run.start("drill", tmp_path / "logs", "backup-drill") as run:
                drill_schema(target, run, options=options or DrillOptions())
        except DbopsError as error:
            return error.report
        return run.report

    return make
