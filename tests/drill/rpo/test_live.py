"""What a server says of its copies: real replicas, and an archive that is looked at without a drill."""

from __future__ import annotations

import datetime as dt
import os
import time
from typing import TYPE_CHECKING

import pytest

from dbops.connection.deadline import Deadline
from dbops.connection.process import start
from dbops.connection.run_as import Surroundings
from dbops.connection.session import read_only
from dbops.drill.pitr.base import Taker
from dbops.drill.rpo.copies import Kind, SurvivingCopy
from dbops.drill.rpo.live import Repositories, copies_of
from dbops.drill.rpo.matrix import matrix
from dbops.model import ObjectiveStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Served

LIMIT = dt.timedelta(minutes=15)


def copies(served: Served, archive: Path | None = None) -> dict[Kind, SurvivingCopy]:
    with read_only(served.server.target()) as session:
        found = copies_of(session, Repositories(os.environ, wal_archive=archive))
    assert found is not None
    return {one.kind: one for one in found}


@pytest.fixture
def replica(served: Served) -> Iterator[None]:
    """A receiver of WAL on a slot: to the server it is what a replica is, and it may be synchronous."""
    server = served.server
    served.sql("select pg_create_physical_replication_slot('standby')")
    target = server.own_directory("received")
    running = start(
        server.binaries.program("pg_receivewal"),
        ["--directory", str(target), "--slot", "standby", "--synchronous", "--no-loop", "--dbname",
         "application_name=standby"],
        stdout=server.directory / "receive.out",
        stderr=server.directory / "receive.err",
        environment={
            "PGHOST": str(server.socket_directory), "PGPORT": "5432", "PGUSER": server.superuser,
        },
        surroundings=Surroundings(run_as=server.run_as),
    )  # fmt: skip
    with running:
        for _ in range(500):
            if served.sql("select 1 from pg_stat_replication where state = 'streaming' and flush_lsn is not null"):
                break
            time.sleep(0.02)
        yield
    served.sql("alter system reset synchronous_standby_names", "select pg_reload_conf()")


def test_an_asynchronous_replica_bounds_nothing_a_synchronous_one_loses_nothing_and_one_that_is_gone_is_said_to_be(
    served: Served, replica: None
) -> None:
    assert replica is None
    asynchronous = copies(served)[Kind.REPLICA]
    assert (None, "asynchronous: nothing bounds how far it falls behind") == (asynchronous.bound, asynchronous.doubt)
    assert ObjectiveStatus.NOT_MEASURED is matrix([asynchronous], LIMIT)[0].status
    served.sql("alter system set synchronous_standby_names = 'standby'", "select pg_reload_conf()")
    for _ in range(500):
        if served.sql("select 1 from pg_stat_replication where sync_state = 'sync'"):
            break
        time.sleep(0.02)
    synchronous = copies(served)[Kind.REPLICA]
    host, operator, _ = matrix([synchronous], LIMIT)
    assert (ObjectiveStatus.MET, 0) == (host.status, host.value_ms)
    assert ObjectiveStatus.MISSED is operator.status
    served.sql("alter system reset synchronous_standby_names", "select pg_reload_conf()")
    served.sql("select pg_terminate_backend(pid) from pg_stat_replication")
    for _ in range(500):
        if served.sql("select 1 from pg_replication_slots where not active"):
            break
        time.sleep(0.02)
    gone = copies(served)[Kind.REPLICA]
    assert ("replica of slot standby", True) == (gone.name, (gone.broken or "").startswith("nobody reads"))
    assert ObjectiveStatus.MISSED is matrix([gone], LIMIT)[0].status


def test_an_archive_that_is_named_is_looked_at_and_one_that_is_not_is_only_known_of(served: Served) -> None:
    server = served.server
    archive = server.own_directory("archive")
    served.sql(f"alter system set archive_command = 'cp %p {archive}/%f'", "select pg_reload_conf()")
    assert "dbops drill --depth pitr" in (copies(served)[Kind.WAL].doubt or "")
    assert "no base backup" in (copies(served, archive)[Kind.WAL].doubt or "")
    output = server.directory / "taking"
    output.mkdir()
    Taker(server.binaries, output, Deadline.after(60)).take(server.target(), output / "base", "nightly")
    segment = served.commit_and_switch()
    served.until(f"last_archived_wal >= '{segment}' and last_archived_wal not like '%.backup'")
    copy = copies(served, archive)[Kind.WAL]
    assert (None, None, 0) == (copy.broken, copy.doubt, copy.inputs["finished_not_archived"])
    assert ObjectiveStatus.MET is matrix([copy], LIMIT)[0].status
    newest = served.commit_and_switch()
    served.until(f"last_archived_wal >= '{newest}'")
    (archive / segment).unlink()
    assert f"{segment} is not there, 1 later one is" == copies(served, archive)[Kind.WAL].broken
