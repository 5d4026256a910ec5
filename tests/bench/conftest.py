"""What benchmarks share: databases of many tables, programs whose cost is taken, and a server that is far away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from dbops.connection.binaries import find_server
from dbops.connection.server import ScratchServer
from dbops.connection.session import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dbops.connection.target import Target

HERE = Path(__file__).parent
# Nothing has to survive; autovacuum would run in the middle of what is timed. What the server took is in its log.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "8GB",
    "max_locks_per_transaction": "128",
    "log_duration": "on",
}
_SOCKET = ".s.PGSQL.5432"
_GOODBYE = b"X\x00\x00\x00\x04"
_AT_ONCE = 200  # tables made in one transaction: each takes a handful of locks


@dataclass(frozen=True)
class Cost:
    """What a process cost, from its start to its end."""

    seconds: float
    processor_seconds: float
    peak_kib: int
    exit_code: int

    @property
    def peak_mib(self) -> float:
        return self.peak_kib / 1024


@pytest.fixture
def cost_of(tmp_path: Path) -> Callable[..., Cost]:
    """Run a program to its end, in an empty directory and a bare environment, and return what it cost."""

    def run(arguments: Sequence[str | Path], environ: Mapping[str, str] | None = None) -> Cost:
        launcher = [sys.executable, "-I", "-S", HERE / "timed.py"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", **(environ or {})}
        done = subprocess.run(
            [*launcher, *arguments], cwd=tmp_path, env=environment, check=True, stdout=subprocess.PIPE
        )
        return Cost(**json.loads(done.stdout))

    return run


@pytest.fixture(scope="session")
def bench_server() -> Iterator[ScratchServer]:
    """A server that says how long each statement took."""
    with ScratchServer(find_server(None, environ=os.environ), settings=SETTINGS) as server:
        yield server


@pytest.fixture(scope="session")
def many_tables(bench_server: ScratchServer) -> Callable[[int], Target]:
    """Return the database of so many tables (tables.sql), made the first time it is asked for."""
    made: set[int] = set()

    def database(tables: int) -> Target:
        name = f"tables_{tables}"
        if tables not in made:
            with scratch(bench_server, "postgres") as connection:
                connection.execute(f"create database {name}".encode())
            with scratch(bench_server, name) as connection:
                connection.execute((HERE / "tables.sql").read_bytes())
                for first in range(1, tables + 1, _AT_ONCE):
                    connection.execute("select bench_make(%s, %s)", (first, min(first + _AT_ONCE - 1, tables)))
                connection.execute("vacuum analyze")
                connection.execute("checkpoint")
            made.add(tables)
        return bench_server.target(name)

    return database


@dataclass
class FarAway:
    """A server's unix socket, so many seconds away: half of them there and half of them back.

    `trips` counts how often this side spoke after it had been answered.
    """

    server_socket: str
    socket: Path
    seconds: float
    trips: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        listening = asyncio.run_coroutine_threadsafe
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = listening(asyncio.start_unix_server(self._serve, self.socket), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread:
            self._thread.join(10)
        self._loop.close()

    async def _serve(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far_in, far_out = await asyncio.open_unix_connection(self.server_socket)
        spoke = ["server"]

        def client_speaks(data: bytes) -> None:
            if data != _GOODBYE:  # nothing comes back
                self.trips += spoke[0] == "server"
                spoke[0] = "client"

        def server_speaks() -> None:
            spoke[0] = "server"

        # What the client says counts when it says it, what the server says when it has arrived.
        await asyncio.gather(
            self._carry(near_in, far_out, said=client_speaks), self._carry(far_in, near_out, heard=server_speaks)
        )

    async def _carry(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        said: Callable[[bytes], None] = lambda _: None,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        def deliver(data: bytes) -> None:
            heard()
            with contextlib.suppress(OSError, RuntimeError):
                sink.write(data) if data else sink.close()

        while data := await source.read(1 << 16):
            said(data)
            self._loop.call_later(self.seconds / 2, deliver, data)
        self._loop.call_later(self.seconds / 2, deliver, b"")


@pytest.fixture
def far_away(bench_server: ScratchServer) -> Iterator[Callable[[float], contextlib.AbstractContextManager[FarAway]]]:
    """Put the server so many seconds away."""
    with tempfile.TemporaryDirectory() as directory:  # a short path: that of a socket may have 107 characters

        def at(seconds: float) -> contextlib.AbstractContextManager[FarAway]:
            near = bench_server.socket_directory / _SOCKET
            return FarAway(str(near), Path(directory) / _SOCKET, seconds)

        yield at


@pytest.fixture
def url_of() -> Callable[..., str]:
    """Return a target as one word, reached through the socket in `directory` where that is given."""

    def url(target: Target, directory: str | Path | None = None) -> str:
        where = urllib.parse.quote(str(directory or target.host), safe="")
        return f"postgresql://{target.user}@/{target.database}?host={where}&port={target.port}"

    return url
