"""A throw-away PostgreSQL as a context manager.

A fresh directory, a bootstrap role with a random name (real dumps are full of objects of `postgres`, who is recreated
without power), a unix socket and nothing else to reach it by, `postgres` as a direct child that dies with dbops. Rules:

1. Never root: `run_as.py` says who it runs as, `places.py` where that user can reach it.
2. dbops owns the directory, the server owns only what `own_directory` made in it: code that runs in the server cannot
   plant anything where dbops writes.
3. Settings go on the command line, where they beat every file and every ALTER SYSTEM; the caller's win over ours. What
   keeps the server away from the world is asked back from it before anybody else talks to it.
4. Leaving the context leaves nothing: no process, no file, no registry entry.

Ready is what line 8 of `postmaster.pid` says, read every 10 ms: pg_ctl would look every 100.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets as random_tokens
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from dbops.connection import places, registry
from dbops.connection.apart import make_apart
from dbops.connection.process import ending, last_lines, run, start
from dbops.connection.run_as import (
    NamespaceRefusedError,
    RunAs,
    Surroundings,
    cannot_drop,
    inner_user,
    no_entry,
    unprivileged,
)
from dbops.connection.target import Target
from dbops.errors import DeadlineError, ProgramFailedError, UnavailableError
from dbops.secrets import redact, remember

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from dbops.connection.binaries import Binaries
    from dbops.connection.process import Running

Auth = Literal["trust", "scram-sha-256"]
StopMode = Literal["immediate", "fast", "smart"]

START_SECONDS = 60.0
INITDB_SECONDS = 120.0
_READY_POLL_SECONDS = 0.01
_STATUS_LINE = 7  # counted from 0, in postmaster.pid
_TAKES_CONNECTIONS = frozenset({"ready", "standby"})
_SIGNALS: Mapping[StopMode, int] = {"immediate": signal.SIGQUIT, "fast": signal.SIGINT, "smart": signal.SIGTERM}
# After SIGQUIT the postmaster waits 5 s for its children before it kills them; ended earlier it would orphan them.
_IMMEDIATE_SECONDS = 10.0

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "shared_preload_libraries": "",
    "archive_mode": "off",
    # Errors are read from here as JSON, one object each; stderr of programs that run in parallel miscounts.
    "log_destination": "jsonlog",
    "log_line_prefix": "",  # what is said before that log is open is quoted to people
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
# What is asked back: a copy of a production cluster may never archive, listen or load.
_CONFIRMED = ("archive_mode", "listen_addresses", "shared_preload_libraries")


class ScratchServer:
    """A PostgreSQL that lives as long as the `with` block.

    `settings` win over `SETTINGS`; `directory` is where its run directory is made, by default the temporary one;
    `locale` None is `C`. `network_isolated` asks for a network namespace; `isolated` says whether there is one.
    Raises UnavailableError and its children, with the server's own last words.
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
        encoding: str = "UTF8",
        locale: str | None = None,
        initdb_arguments: tuple[str, ...] = (),
    ) -> None:
        self.binaries = binaries
        self.superuser = f"dbops_{random_tokens.token_hex(4)}"
        self.isolated = False
        self._checksums = checksums
        self._auth: Auth = auth
        self._network_isolated = network_isolated
        self._wanted_directory = directory
        self._initdb_arguments = (
            f"--encoding={encoding}", f"--locale={locale}" if locale else "--no-locale", *initdb_arguments,
        )  # fmt: skip
        self._passwords: dict[str, str] = {}
        self._start_seconds = START_SECONDS
        self._settings = {**_defaults(binaries.major), **(settings or {})}
        self._stack = contextlib.ExitStack()
        self._running: Running | None = None
        self._given_up = False

    def __enter__(self) -> Self:
        registry.sweep()
        with contextlib.ExitStack() as stack:
            self._prepare(stack)
            self._initdb()
            stack.callback(self._end)
            self.start()
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
    def run_as(self) -> RunAs | None:
        """The user that root dropped to for this server; None where it runs as the user of dbops."""
        return self._around.run_as

    @property
    def _process(self) -> Running:
        if self._running is None:
            raise RuntimeError("the server has not been started")
        return self._running

    def target(self, database: str = "postgres", user: str | None = None) -> Target:
        """Return how to connect, as the bootstrap role or as `user`, with the password that `set_password` was told."""
        user = user or self.superuser
        return Target.from_parameters(
            {"host": str(self.socket_directory), "port": self._settings["port"], "user": user, "dbname": database},
            password=self._passwords.get(user),
        )

    def set_password(self, user: str, password: str) -> None:
        """Have `target` use this password for a role that the caller has created with it."""
        remember(password)
        self._passwords[user] = password

    def own_directory(self, name: str) -> Path:
        """Create and return a 0700 directory beside the data that belongs to the server, for a WAL archive, say."""
        return self._own(self.directory / name)

    def start(self) -> None:
        """Start the server, also again after `stop`, and return when it takes connections."""
        settings = {**self._settings, "unix_socket_directories": str(self.socket_directory)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._running = self._start_isolated(["-D", str(self.data_directory), *options])
        self._await_ready(self._start_seconds)
        self.isolated = self._is_isolated()
        self._confirm_settings()

    def stop(self, mode: StopMode = "immediate", *, seconds: float = 60.0) -> None:
        """Stop the server and wait up to `seconds`, then DeadlineError; "immediate" throws away, "fast" is clean."""
        if mode == "immediate":
            self._end()
            return
        self._process.send(_SIGNALS[mode])
        if self._process.wait(seconds) is None:
            raise DeadlineError(f"the scratch server was still shutting down after {seconds:g} s")

    @property
    def ended(self) -> bool:
        """Whether the postmaster has ended, by itself or by somebody's hand."""
        return self._process.ended

    def interrupt(self) -> None:
        """Tell the server to end at once, from any thread; whoever talks to it hears, and `stop` still cleans up."""
        self._process.send(_SIGNALS["immediate"])

    def give_up(self) -> None:
        """Have a start that is going on fail soon, from any thread: nobody wants the server any more."""
        self._given_up = True

    def _look(self) -> None:
        if self._given_up:
            raise UnavailableError("the scratch server was given up while it was being made")

    def _prepare(self, stack: contextlib.ExitStack) -> None:
        user = unprivileged()
        disguise = None if user else inner_user()
        self._around = Surroundings(run_as=user, inner_user=disguise, death_signal=signal.SIGQUIT)
        self.directory = self._lease(stack, places.base_directory(user, self._wanted_directory))
        self.binaries = places.reachable_programs(self.binaries, user, self.directory / "programs")
        self.data_directory = self.directory / "data"
        make_apart(self.data_directory)
        self._give(self.data_directory)
        elsewhere = places.socket_base(self.directory, user, self._settings["port"])
        self.socket_directory = self._own((self._lease(stack, elsewhere) if elsewhere else self.directory) / "socket")
        self.log_path = self.data_directory / "log" / ("postgresql.json" if self._logs_json else "postgresql.log")

    @property
    def _logs_json(self) -> bool:
        return "jsonlog" in self._settings["log_destination"]

    def _lease(self, stack: contextlib.ExitStack, parent: Path) -> Path:
        leased = registry.lease(parent)
        stack.callback(leased.end)
        if self._around.run_as:
            leased.directory.chmod(0o711)  # to walk through, not to list or write
        return leased.directory

    def _own(self, path: Path) -> Path:
        """Create a 0700 directory that belongs to the user the server runs as."""
        path.mkdir(mode=0o700)
        self._give(path)
        return path

    def _give(self, path: Path) -> None:
        user = self._around.run_as
        if user:
            try:
                os.chown(path, user.uid, user.gid)
            except OSError as error:
                raise cannot_drop(user, error.strerror or str(error)) from error

    def _initdb(self) -> None:
        small = places.shared_memory_is_small()
        arguments = [
            "--pgdata", str(self.data_directory), "--username", self.superuser, "--auth", self._auth,
            "--no-sync", *self._initdb_arguments,
        ]  # fmt: skip
        if self.binaries.major >= 14:  # 13 knows no way to be silent
            arguments.append("--no-instructions")
        if self._checksums:
            arguments.append("--data-checksums")
        elif self.binaries.major >= 18:  # where they are the default
            arguments.append("--no-data-checksums")
        if small and self.binaries.major >= 16:
            arguments += ["--set", "dynamic_shared_memory_type=mmap"]
        with self._password_file() as options:
            self._run_initdb([*arguments, *options], "give the container a larger /dev/shm" if small else None)

    def _run_initdb(self, arguments: list[str], hint: str | None) -> None:
        try:
            run(
                self.binaries.program("initdb"), arguments, output=self.directory / "initdb", deadline=INITDB_SECONDS,
                surroundings=self._around, on_tick=self._look,
            ).check(hint=hint)  # fmt: skip
        except NamespaceRefusedError as error:
            raise no_entry(os.geteuid()) from error

    @contextlib.contextmanager
    def _password_file(self) -> Iterator[list[str]]:
        """Yield initdb's options for a random bootstrap password: a 0600 file that is gone as soon as it is read."""
        if self._auth == "trust":
            yield []
            return
        self.set_password(self.superuser, random_tokens.token_urlsafe(24))
        path = self.directory / "password"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{self._passwords[self.superuser]}\n")
            self._give(path)
            yield ["--pwfile", str(path)]
        finally:
            path.unlink()

    def _start_isolated(self, arguments: list[str]) -> Running:
        if self._network_isolated:
            with contextlib.suppress(NamespaceRefusedError):  # `isolated` will say so
                return self._start(arguments, self._around.without_network())
        return self._start(arguments, self._around)

    def _start(self, arguments: list[str], around: Surroundings) -> Running:
        self._stderr = self.directory / "postgres.err"
        return start(
            self.binaries.program("postgres"), arguments, stdout=self.directory / "postgres.out", stderr=self._stderr,
            surroundings=around,
        )  # fmt: skip

    def _await_ready(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._is_ready():
            self._look()
            exit_code = self._process.wait(_READY_POLL_SECONDS)
            if exit_code is not None:
                raise ProgramFailedError(f"the scratch server {ending(exit_code)}: {self.last_words()}")
            if time.monotonic() > end:
                self._end()
                raise DeadlineError(f"the scratch server was not ready after {seconds:g} s: {self.last_words()}")

    def _is_ready(self) -> bool:
        try:
            lines = (self.data_directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return (
            len(lines) > _STATUS_LINE
            and lines[_STATUS_LINE].strip() in _TAKES_CONNECTIONS
            and lines[0] == str(self.pid)
        )

    def last_words(self) -> str:
        """Return what the server said last, in its log or before there was one; redacted."""
        logged = _json_messages(self.log_path) if self._logs_json else last_lines(self.log_path)
        return logged or last_lines(self._stderr) or "it said nothing"

    def _is_isolated(self) -> bool:
        """Tell by looking, not by having asked, whether the server is in another network namespace than dbops."""
        if sys.platform != "linux":
            return False
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
        return False

    def _confirm_settings(self) -> None:
        from dbops.connection.session import scratch

        with scratch(self, "postgres") as connection:
            for name in _CONFIRMED:
                (value,) = connection.execute(f"show {name}".encode()).fetchall()[0]
                if value != self._settings[name]:
                    raise UnavailableError(f"the scratch server has {name} = {value!r}, not {self._settings[name]!r}")

    def _end(self) -> None:
        if self._running is not None:
            self._running.end(signal.SIGQUIT, _IMMEDIATE_SECONDS)
            # Backends are in sessions of their own. A postmaster ends them before itself, unless it had to be killed.
            registry.end_processes_in(self.data_directory)


def sweep() -> list[Path]:
    """Reap the servers and directories of runs that were killed; return the directories removed."""
    return registry.sweep()


def _defaults(major: int) -> dict[str, str]:
    settings = dict(SETTINGS)
    if major < 15:  # jsonlog came with 15
        settings["log_destination"] = "stderr"
    if places.shared_memory_is_small():
        settings["dynamic_shared_memory_type"] = "mmap"
    return settings


def _json_messages(path: Path) -> str:
    """Return the last messages of a jsonlog as "SEVERITY: message; hint", redacted."""
    found = []
    for line in last_lines(path).splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            words = "; ".join(entry[key] for key in ("message", "detail", "hint") if entry.get(key))
            found.append(f"{entry.get('error_severity', 'LOG')}: {words}")
    return redact("\n".join(found))
