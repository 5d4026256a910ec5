"""The one boundary between a process and dbops: `main()` has streams, signals and the exit code, `run()` the process.

Everything heavy is imported inside, after the handlers stand, so that Ctrl-C during start-up is as quiet as later.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn, TextIO

# What dbops writes holds names and structure of a database: for its owner only.
_OWNER_ONLY = 0o077
_INTERRUPTED = 130
_STDERR = 2
# So many new objects make Python look for cycles among all: importing and reading a catalog make few cycles, and with
# its own 700 the looking takes a sixth of a short run.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def run() -> NoReturn:
    """Be the process: run its command line, and end with its exit code.

    By then everything is closed, and what is only memory is left to the system: to take it apart object by object is
    time that somebody waits for.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)  # with what the interpreter says of a stream that it cannot flush
    os._exit(code)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return the exit code; raises nothing."""
    _occupy_standard_descriptors()
    sys.stdout, sys.stderr = _writable(sys.stdout), _writable(sys.stderr)
    os.umask(_OWNER_ONLY)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it reads what every installed package says
    try:
        return _answer(sys.argv[1:] if words is None else words)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _answer(words: Sequence[str]) -> int:
    from dbops.errors import StoppedError
    from dbops.evidence.signals import stoppable

    try:
        with stoppable():
            from dbops.cli.app import command_line, command_named
            from dbops.cli.boundary import Invocation, answer

            return answer(Invocation(words, command_named(words)), command_line())
    except StoppedError as stopped:  # before there was a command, or after its answer
        return 128 + stopped.signal_number


def _occupy_standard_descriptors() -> None:
    """Open the null device where a standard stream was closed: else the next file, such as the log, would stand in."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= _STDERR:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


def _writable(stream: TextIO | None) -> TextIO:
    """Return a stream that never fails on a character: unencodable ones are escaped, a closed stream goes nowhere."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  (lives as long as the process)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


if __name__ == "__main__":
    run()
