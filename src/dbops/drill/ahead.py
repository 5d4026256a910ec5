"""The scratch server of a drill, made before its turn: beside loading modules, asking the source, hashing the archive.

Making a server is most of what a small drill waits for, and needs nothing of the archive but the version of its source.
The rules:

1. It begins as soon as there is a run on record, for the newest backup that carries the database's name; which backup
   it is to be, and which programs fit, is decided later. Where that comes out otherwise than expected, the server made
   here is thrown away, and another one is made.
2. Its whole time is a phase of the recovery, as if nobody had done anything beside it.
3. The server keeps PostgreSQL's durable defaults: a restore that skips fsync says nothing about a recovery time.

Nothing here loads what talks to a database, so that the server's programs run while that is loaded. What this does not
do: let anything of the archive near the server before the hash has been compared.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from dbops.backup.background import Background
from dbops.connection.server import ScratchServer
from dbops.connection.workspace import sweep_and_tell
from dbops.drill.needs import Needs
from dbops.drill.programs import Programs, choose_programs, major_of
from dbops.drill.room import require_room
from dbops.errors import DbopsError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from dbops.connection.binaries import Binaries
    from dbops.drill.options import DrillOptions
    from dbops.drill.passes import Stopwatch
    from dbops.evidence.run import Run
    from dbops.evidence.steps import StepRecorder
    from dbops.model import BackupManifest
    from dbops.storage.local import LocalStore

PHASE = "provision/server"
# Room to load, nothing else: durability and everything that changes an answer stay as PostgreSQL has them.
SETTINGS = {
    "max_connections": "40",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "maintenance_work_mem": "256MB",
    "max_locks_per_transaction": "1024",
}
# Where a manifest does not say how large its database was: a dump is rarely a tenth of it.
_EXPANSION = 10


def server_for(binaries: Binaries) -> ScratchServer:
    """Return a server for a copy, not started yet."""
    return ScratchServer(binaries, settings=SETTINGS, auth="scram-sha-256", network_isolated=True)


class ServerAhead:
    """A server that is being made; leaving the block ends it, whether it was taken or not.

    A block that is left by an error, a hash that is wrong say, does not wait until the server is there.
    """

    def __init__(self, run: Run, binaries: Binaries) -> None:
        self.binaries = binaries
        self._run = run
        self._wanted = server_for(binaries)
        self._stack = contextlib.ExitStack()
        self._server = contextlib.ExitStack()
        self._step: StepRecorder | None = None

    def __enter__(self) -> Self:
        self._stack.enter_context(self._server)
        self._making = self._stack.enter_context(Background(self._make, cancel=self._wanted.give_up))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _make(self) -> ScratchServer:
        with self._run.step(PHASE) as self._step:
            return self._server.enter_context(self._wanted)

    def take(self, binaries: Binaries, watch: Stopwatch) -> ScratchServer | None:
        """Return the server once it takes connections, and count its time; None, and it is gone, for other programs.

        Raises what starting it raised.
        """
        if binaries.directory == self.binaries.directory:
            server = self._making.result()
            if self._step:
                watch.count(self._step)
            return server
        self.drop()
        return None

    def drop(self) -> None:
        """Have the server gone, which nobody wants."""
        self._wanted.give_up()
        with contextlib.suppress(Exception):  # that of a server that nobody wants
            self._making.result()
        self._server.close()


def copy_bytes(manifest: BackupManifest) -> int:
    """Return how large the database was, or a guess where the manifest does not say."""
    dump = sum(file.bytes for file in manifest.artifact.files)
    return int(manifest.settings.get("databaseBytes", dump * _EXPANSION))


def archive_major(manifest: BackupManifest) -> int:
    """Return the major version of the pg_dump that made the archive."""
    dumps = (major_of(tool.version) for tool in manifest.tools if tool.name == "pg_dump")
    return max(dumps, default=major_of(manifest.source.version))


def programs_for(manifest: BackupManifest, options: DrillOptions) -> Programs:
    """Return what a backup is restored with, as far as its manifest tells. Raises UnavailableError where nothing is."""
    needs = Needs(frozenset(one.name for one in manifest.extensions), icu=manifest.source.provider == "i")
    require_room(copy_bytes(manifest))
    return choose_programs(major_of(manifest.source.version), archive_major(manifest), options, needs)


@contextlib.contextmanager
def server_ahead(
    manifest: BackupManifest, run: Run, options: DrillOptions, begun: ServerAhead | None = None
) -> Iterator[ServerAhead | None]:
    """Have the server made that a manifest asks for; the one that was `begun`, where it is such a one.

    None where nothing fits, which is told when its turn comes.
    """
    with contextlib.ExitStack() as stack:
        ahead = begun
        with contextlib.suppress(UnavailableError):
            programs = programs_for(manifest, options)
            if begun is None or begun.binaries.directory != programs.server.directory:
                ahead = stack.enter_context(ServerAhead(run, programs.server))
        yield ahead


@contextlib.contextmanager
def begun_early(
    store: LocalStore | None, database: str, run: Run, options: DrillOptions
) -> Iterator[ServerAhead | None]:
    """Have a server made for what is probably restored; None where there is no such backup, or nothing fits."""
    with contextlib.ExitStack() as stack:
        ahead = None
        # Whatever is wrong with it is for the drill to say, which looks closer.
        with contextlib.suppress(DbopsError):
            likely = store.likely(database) if store else None
            if likely:
                programs = programs_for(likely.manifest, options)
                sweep_and_tell(run.note)  # making the server removes it, and tells nobody
                ahead = stack.enter_context(ServerAhead(run, programs.server))
        yield ahead
