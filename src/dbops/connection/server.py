"""A throw-away PostgreSQL as a context manager.

A fresh directory, a bootstrap role with a random name (real dumps are full of objects of `postgres`, who is recreated
without power), a unix socket and nothing else to reach it by, `postgres` as a direct child that dies with dbops. Rules:

1. Never root: `run_as.py` says who it runs as; programs that this user cannot reach are copied to where it can.
2. dbops owns the directory, the server owns only `data` and `socket` in it: what runs in the server cannot plant
   anything where dbops writes.
3. Settings go on the command line, where they beat every file and every ALTER SYSTEM; the caller's win over ours.
4. Leaving the context leaves nothing: no process, no file, no registry entry.

What this does not do: connect. Readiness is line 8 of `postmaster.pid`, which costs no connection.
"""

from __future__ import annotations

import contextlib
import os
import secrets as random_tokens
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from dbops.connection import registry
from dbops.connection.process import Running, Surroundings, last_lines, run, start
from dbops.connection.run_as import inner_user, unprivileged
from dbops.connection.target import Target
from dbops.errors import DeadlineError, ProgramFailedError
from dbops.secrets import remember

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from dbops.connection.binaries import Binaries

Auth = Literal["trust", "scram-sha-256"]
StopMode = Literal["immediate", "fast", "smart"]

PORT = "5432"
# sun_path holds 108 bytes with its NUL; a longer path is a server without a socket that only warns.
LONGEST_SOCKET_PATH = 107
START_SECONDS = 60.0
INITDB_SECONDS = 120.0
_READY_POLL_SECONDS = 0.01
_SIGNALS: Mapping[StopMode, int] = {"immediate": signal.SIGQUIT, "fast": signal.SIGINT, "smart": signal.SIGTERM}
# After SIGQUIT the postmaster waits 5 s for its children before it kills them; earlier we would orphan them.
_IMMEDIATE_SECONDS = 10.0

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "shared_preload_libraries": "",
    "archive_mode": "off",
    "log_destination": "jsonlog",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql.log",
    "log_file_mode": "0600",
    "log_rotation_age": "0",
    "log_rotation_size": "0",
    "log_min_messages": "warning",
    "log_min_error_statement": "error",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class ScratchServer:
    """A PostgreSQL that lives as long as the `with` block.

    `settings` win over the defaults; `directory` is where its run directory is made (default: the temporary directory);
    `network_isolated` asks for a network namespace of its own, `isolated` then says whether the kernel granted it.
    """

    def __init__(  # noqa: PLR0913  (each is a property of the server)
        self,
        binaries: Binaries,
        *,
        settings: Mapping[str, str] | None = None,
        checksums: bool = False,
        auth: Auth = "trust",
        network_isolated: bool = False,
        directory: Path | None = None,
        initdb_arguments: tuple[str, ...] = ("--encoding=UTF8", "--no-locale"),
    ) -> None:
        self.binaries = binaries
        self.superuser = f"dbops_{random_tokens.token_hex(4)}"
        self.isolated = False
        self._settings = {**_SETTINGS, **(settings or {})}
        self._checksums = checksums
        self._auth: Auth = auth
        self._initdb_arguments = initdb_arguments
        self._password = random_tokens.token_urlsafe(24) if auth != "trust" else None
        self._new_network = network_isolated
        self._parent = directory
        self._stack = contextlib.ExitStack()
        self._running: Running | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._prepare(stack)
            self._initdb()
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._process.pid

    @property
    def _process(self) -> Running:
        if self._running is None:
            raise RuntimeError("the server is not running")
        return self._running

    def target(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> Target:
        """Return how to connect; as the bootstrap role unless another `user` (with its `password`) is named."""
        return Target.from_parameters(
            {
                "host": str(self.socket_directory),
                "port": self._settings["port"],
                "user": user or self.superuser,
                "dbname": database,
                "client_encoding": "utf8",
            },
            password=password if user else self._password,
        )

    def stop(self, mode: StopMode = "immediate", *, seconds: float = 60.0) -> None:
        """Stop the server and wait; "immediate" throws away, "fast" is a clean shutdown. DeadlineError after that."""
        if mode == "immediate":
            self._process.end(signal.SIGQUIT, _IMMEDIATE_SECONDS)
            return
        self._process.send(_SIGNALS[mode])
        if self._process.wait(seconds) is None:
            raise DeadlineError(f"the scratch server was still shutting down after {seconds:g} s")

    def _prepare(self, stack: contextlib.ExitStack) -> None:
        registry.sweep()
        user = unprivileged()
        self._around = Surroundings(
            run_as=user, inner_user=None if user else inner_user(), new_network=self._new_network,
            death_signal=signal.SIGQUIT,
        )  # fmt: skip
        self.directory = Path(tempfile.mkdtemp(prefix=registry.PREFIX, dir=self._parent))
        stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        stack.callback(registry.register(self.directory).release)
        self.data_directory = self._own(self.directory / "data")
        self.socket_directory = self._own(self.directory / "socket")
        if user:
            self.directory.chmod(0o711)

    def _own(self, path: Path) -> Path:
        """Create a 0700 directory that belongs to the user the server runs as."""
        path.mkdir(mode=0o700)
        if self._around.run_as:
            os.chown(path, self._around.run_as.uid, self._around.run_as.gid)
        return path

    def _initdb(self) -> None:
        arguments = [
            "--pgdata", str(self.data_directory), "--username", self.superuser, "--auth", self._auth,
            "--no-sync", "--no-instructions", *self._initdb_arguments,
        ]  # fmt: skip
        if self._checksums:
            arguments.append("--data-checksums")
        elif self.binaries.major >= 18:
            arguments.append("--no-data-checksums")
        password_file = self.socket_directory / "password"
        if self._password:
            remember(self._password)
            password_file.touch(mode=0o600)
            if self._around.run_as:
                os.chown(password_file, self._around.run_as.uid, self._around.run_as.gid)
            password_file.write_text(self._password + "\n", encoding="ascii")
            arguments += ["--pwfile", str(password_file)]
        try:
            run(
                self.binaries.program("initdb"), arguments, output=self.directory / "initdb", deadline=INITDB_SECONDS,
                surroundings=self._around,
            ).check()  # fmt: skip
        finally:
            password_file.unlink(missing_ok=True)

    def _start(self, stack: contextlib.ExitStack) -> None:
        settings = {**self._settings, "unix_socket_directories": str(self.socket_directory)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.log_path = self.data_directory / "log" / "postgresql.json"
        self._stderr = self.directory / "postgres.err"
        self._running = start(
            self.binaries.program("postgres"), ["-D", str(self.data_directory), *options],
            stdout=self.directory / "postgres.out", stderr=self._stderr, surroundings=self._around,
        )  # fmt: skip
        stack.callback(self._running.end, signal.SIGQUIT, _IMMEDIATE_SECONDS)
        self._await_ready(time.monotonic() + START_SECONDS)
        self.isolated = self._is_isolated()

    def _await_ready(self, end: float) -> None:
        status_file = self.data_directory / "postmaster.pid"
        while True:
            with contextlib.suppress(OSError):
                lines = status_file.read_text(encoding="utf-8").splitlines()
                if len(lines) >= 8 and lines[7].strip() == "ready" and int(lines[0]) == self.pid:
                    return
            exit_code = self._process.wait(_READY_POLL_SECONDS)
            if exit_code is not None:
                raise ProgramFailedError(f"the scratch server ended with {exit_code}: {self._last_words()}")
            if time.monotonic() > end:
                raise DeadlineError(f"the scratch server was not ready after {START_SECONDS:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        return last_lines(self.log_path) or last_lines(self._stderr) or "it said nothing"

    def _is_isolated(self) -> bool:
        """Tell by looking, not by having asked, whether the server is in another network namespace than dbops."""
        if sys.platform != "linux":
            return False
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
        return False


def sweep() -> list[Path]:
    """Reap the servers and directories of runs that were killed; return the directories removed."""
    return registry.sweep()
