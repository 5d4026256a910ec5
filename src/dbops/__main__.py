"""`main()`: the one boundary between a process and dbops: streams, signals and the exit code.

Everything heavy is imported inside, after the handlers stand, so that Ctrl-C during start-up is as quiet as later.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

# What dbops writes holds names and structure of a database: for its owner only.
_OWNER_ONLY = 0o077
_INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return the exit code; raises nothing."""
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


def _writable(stream: TextIO | None) -> TextIO:
    """Return a stream that never fails on a character: unencodable ones are escaped, a closed stream goes nowhere."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  (lives as long as the process)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


if __name__ == "__main__":
    sys.exit(main())
