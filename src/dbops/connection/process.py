"""The only place that starts a program.

Every program gets its own session and process group, nothing on stdin but what it is given, `LC_ALL=C`, an allow-listed
environment, and its output in files: a pipe that nobody reads stops a program after 64 KiB. It dies with dbops, also by
`kill -9` (`launcher.py`; but for what a program says of itself), and whatever ends the wait (a deadline, Ctrl-C, a bug)
ends the whole group first. What this does not do: judge an exit code. `run` records it, the caller writes that down,
then calls `check`.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self

from dbops.connection.places import temporary_directory
from dbops.connection.run_as import RunAs, Surroundings
from dbops.errors import DeadlineError, ProgramFailedError, ProgramMissingError, UnavailableError
from dbops.secrets import holds_secret, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

# What a PostgreSQL program may see of our environment. PG* stays out: the target is decided once, in target.py.
_INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LD_PRELOAD",
    "NSS_WRAPPER_PASSWD", "NSS_WRAPPER_GROUP", "KRB5CCNAME", "KRB5_CONFIG", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
# These name places of root's, where a user that root becomes has no business.
_OF_ROOT = ("HOME", "USER", "LOGNAME", "TMPDIR", "KRB5CCNAME")

# To give a program nothing to read.
NOTHING = subprocess.DEVNULL
# How often `on_tick` is called while a program runs, in seconds.
TICK = 0.1
# How long an ended group may take to clean up (pg_dump cancels its query, pg_restore ends its workers), in seconds.
GRACE = 2.0
# How much of a program's stderr an error quotes.
_QUOTED_LINES = 5
_QUOTED_BYTES = 4096


def last_lines(path: Path, lines: int = _QUOTED_LINES) -> str:
    """Return the last lines of a file that a program wrote, redacted; empty when there are none."""
    try:
        with path.open("rb") as file:
            return _last_lines(file, lines)
    except OSError:
        return ""


def _last_lines(file: IO[bytes], lines: int = _QUOTED_LINES) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _QUOTED_BYTES))
    text = file.read().decode(errors="replace")
    return redact("\n".join(text.strip().splitlines()[-lines:]))


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended: exit code (negative: the signal that ended it), wall time in ms, output files."""

    program: Path
    exit_code: int
    duration_ms: int
    stdout: Path
    stderr: Path

    def check(self, *, hint: str | None = None) -> Self:
        """Raise ProgramFailedError, quoting the program's own last words, unless it ended with 0."""
        if self.exit_code != 0:
            quoted = last_lines(self.stderr) or last_lines(self.stdout)
            raise _failed(self.program, self.exit_code, quoted, hint)
        return self


def _failed(program: Path, exit_code: int, quoted: str, hint: str | None = None) -> ProgramFailedError:
    return ProgramFailedError(f"{program.name} {ending(exit_code)}: {quoted or 'it said nothing'}", hint=hint)


def ending(exit_code: int) -> str:
    """Return "ended with exit code 1" or "was ended by SIGKILL" for an exit code."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"was ended by signal {-exit_code}"


class Running:
    """A started program, alone in its process group; leaving the context ends whatever is left of the group."""

    def __init__(self, program: Path, child: subprocess.Popen[bytes]) -> None:
        self.program = program
        self._child = child

    @property
    def pid(self) -> int:
        """The process id, which is also the process group's."""
        return self._child.pid

    @property
    def ended(self) -> bool:
        """Whether the program has ended."""
        return self.wait(0) is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def wait(self, seconds: float | None) -> int | None:
        """Wait up to `seconds` (None: for ever); return the exit code, or None while it still runs."""
        if self._child.returncode is None and _ends_within(self._child, seconds):
            # What it left behind goes too. It is a zombie until wait() below, so its group id is still its own.
            self._signal_group(signal.SIGKILL)
            self._child.wait()
        return self._child.returncode

    def send(self, number: int) -> None:
        """Send a signal to the program alone, unless it has ended."""
        self._child.send_signal(number)

    def end(self, first: int = signal.SIGTERM, grace: float = GRACE) -> None:
        """End the whole group: signal `first`, after `grace` seconds SIGKILL. Nothing to do when it has ended."""
        if self._child.returncode is not None:
            return
        try:
            self._signal_group(first)
            self.wait(grace)
        finally:  # a second Ctrl-C during the grace ends the grace, not the cleaning up
            if self._child.returncode is None:
                self._signal_group(signal.SIGKILL)
                self._child.wait()

    def _signal_group(self, number: int) -> None:
        # macOS answers EPERM for a group that only holds a zombie.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)


def run(  # noqa: PLR0913  (each is a property of the run)
    program: Path,
    arguments: Sequence[str],
    *,
    output: Path,
    deadline: float | None,
    environment: Mapping[str, str] | None = None,
    run_as: RunAs | None = None,
    on_tick: Callable[[], None] | None = None,
    stdout: Path | None = None,
    surroundings: Surroundings | None = None,
    stdin: int = NOTHING,
) -> Completed:
    """Run a program to its end.

    `output` is a path without suffix: `.out` and `.err` beside it receive stdout and stderr (`stdout` overrides the
    first); `stdin` is a descriptor to read from. `deadline` is in seconds from now. `environment` is added to
    `base_environment()`. `on_tick` is called every 100 ms; what it raises ends the program. Raises ProgramMissingError,
    PrivilegeError, DeadlineError; never for an exit code.
    """
    files = (stdout or output.with_name(f"{output.name}.out"), output.with_name(f"{output.name}.err"))
    around = surroundings or Surroundings(run_as=run_as)
    started = time.monotonic()
    with start(
        program,
        arguments,
        stdin=stdin,
        stdout=files[0],
        stderr=files[1],
        environment=environment,
        surroundings=around,
    ) as running:
        exit_code = _await(running, started, deadline, on_tick)
    return Completed(program, exit_code, round((time.monotonic() - started) * 1000), *files)


def _await(running: Running, started: float, deadline: float | None, on_tick: Callable[[], None] | None) -> int:
    """Return the exit code; `started` is on the monotonic clock, `deadline` in seconds after it."""
    end = math.inf if deadline is None else started + deadline
    longest = math.inf if on_tick is None else TICK
    while True:
        left = max(0.0, min(longest, end - time.monotonic()))
        exit_code = running.wait(None if left == math.inf else left)
        if exit_code is not None:
            return exit_code
        if time.monotonic() >= end:
            running.end()
            raise DeadlineError(
                f"{running.program.name} was still running after {deadline:g} s and has been ended",
                hint="allow more time, or look for what it waits for: locks, a slow disk, a lost network",
            )
        if on_tick is not None:
            on_tick()


def ask(program: Path, *arguments: str, deadline: float = 20.0) -> str:
    """Return what a program prints on stdout, for short questions. Raises as `Completed.check`."""
    from dbops.connection.registry import lease  # which asks too

    leased = lease(temporary_directory())
    try:
        completed = run(program, arguments, output=leased.directory / program.name, deadline=deadline).check()
        return completed.stdout.read_text(encoding="utf-8", errors="replace").strip()
    finally:
        leased.end()


def ask_itself(program: Path, *arguments: str, deadline: float = 20.0) -> str:
    """Return what a program says of itself, `--version` say. Raises as `Completed.check`.

    Without the launcher, which takes longer than such an answer: what survives a killed dbops here ends by itself.
    Its output goes to files without a name, so that nothing is left wherever dbops is ended.
    """
    _refuse_secrets(program, arguments)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        out, err = (stack.enter_context(_nameless()) for _ in range(2))
        try:
            child = subprocess.Popen(
                [program, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
                cwd="/", env=base_environment(),
            )  # fmt: skip
        except OSError as error:
            raise ProgramMissingError(f"{program} cannot be started: {error.strerror}") from error
        exit_code = _await(stack.enter_context(Running(program, child)), started, deadline, None)
        if exit_code != 0:
            raise _failed(program, exit_code, _last_lines(err) or _last_lines(out))
        out.seek(0)
        return out.read().decode(errors="replace").strip()


def _nameless() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=temporary_directory())
    except OSError as error:
        raise UnavailableError(f"no temporary file can be made: {error.strerror}") from error


def start(  # noqa: PLR0913  (each is a property of the process)
    program: Path,
    arguments: Sequence[str],
    *,
    stdout: Path,
    stderr: Path,
    environment: Mapping[str, str] | None = None,
    surroundings: Surroundings | None = None,
    stdin: int = NOTHING,
) -> Running:
    """Start a program and return once it is the program (exec has succeeded); it works in the directory of `stderr`.

    Raises ProgramMissingError, PrivilegeError (NamespaceRefusedError), and ValueError for a secret among `arguments`.
    """
    around = surroundings or Surroundings()
    _refuse_secrets(program, arguments)
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(_output(path)) for path in (stdout, stderr)]
        report_in, report_out = os.pipe()
        reader = stack.enter_context(open(report_in, "rb"))  # noqa: PTH123  (a descriptor, not a path)
        writer = stack.enter_context(open(report_out, "wb"))  # noqa: PTH123
        child = _popen(
            [*around.command(program, report_out), *arguments],
            stdin=stdin,
            stdout=streams[0],
            stderr=streams[1],
            start_new_session=True,
            pass_fds=(report_out,),
            cwd=stderr.parent,
            env={**base_environment(dropping=around.run_as is not None), **(environment or {})},
        )
        running = Running(program, child)
        unless_started = stack.enter_context(contextlib.ExitStack())
        unless_started.callback(running.end)
        writer.close()  # else the reader below would wait for ourselves
        problem = reader.read().decode(errors="replace")
        if problem:
            raise around.explain(program, problem)
        unless_started.pop_all()
    return running


def base_environment(*, dropping: bool = False) -> dict[str, str]:
    """Return what every program gets: the allow-listed part of our environment, `LC_ALL=C`, `TZ=UTC`.

    `dropping`: root becomes somebody else for it, so what points to root's own places is left out.
    """
    names = [name for name in _INHERITED if name in os.environ and not (dropping and name in _OF_ROOT)]
    return {**{name: os.environ[name] for name in names}, "LC_ALL": "C", "TZ": "UTC"}


def _output(path: Path) -> IO[bytes]:
    """Open a file for a program's output: ours alone, never through a symlink that someone planted."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(f"the output of a program cannot be kept in {path}: {error.strerror}") from error
    return open(descriptor, "wb")  # noqa: PTH123  (a descriptor, not a path)


def _refuse_secrets(program: Path, arguments: Sequence[str]) -> None:
    """Raise ValueError, which is a bug of ours, for a secret that `ps` would show to every user of the machine."""
    for position, argument in enumerate(arguments, start=1):
        if holds_secret(argument):
            raise ValueError(f"argument {position} of {program.name} holds a secret, and arguments are public")


def _ends_within(child: subprocess.Popen[bytes], seconds: float | None) -> bool:
    """Tell whether the child ends within `seconds`, without reaping it where the system can tell (Linux ≥ 5.3)."""
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):  # elsewhere, or a sandbox forbids it: polled, and reaped on the way
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
        return child.returncode is not None
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(None if seconds is None else math.ceil(seconds * 1000)))
    finally:
        os.close(descriptor)


class _Spawner:
    """Starts children from a thread that lives as long as dbops.

    The kernel sends the parent-death signal when the *thread* that forked ends, not the process: a server started by a
    worker thread would be shot the moment that worker is done. The main thread forks itself; all others ask this one.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def popen(self, command: list[str], **settings: Any) -> subprocess.Popen[bytes]:
        """Return `subprocess.Popen(command, **settings)`, forked by a thread that stays."""
        try:
            if threading.current_thread() is threading.main_thread():
                return subprocess.Popen(command, **settings)
            with self._lock:
                self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="dbops-spawner")
            return self._pool.submit(lambda: subprocess.Popen(command, **settings)).result()
        except OSError as error:  # no processes left, no memory left
            raise UnavailableError(f"this machine starts no further program: {error.strerror}") from error


_popen = _Spawner().popen
