"""The wall deadline of a drill, kept from outside, and what the end of the scratch server means.

Code of an archive may loop wherever it runs, also where a session of dbops waits for it: no statement timeout that such
code could change, and no step between two others, can be relied on. When the time is up the server itself is told to
end at once; whoever waits for it hears, and the drill ends as *deadline*. A server that ends by itself, or is ended,
says nothing about the backup: the drill is inconclusive. What this does not do: clean up (the server's context does).
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from dbops.errors import DeadlineError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbops.connection.deadline import Deadline
    from dbops.connection.server import ScratchServer


@contextlib.contextmanager
def watched(server: ScratchServer, deadline: Deadline) -> Iterator[None]:
    """End `server` when the deadline passes; explain errors of the block by that, or by its own end.

    Raises DeadlineError, or UnavailableError for a server that was gone when the block ended.
    """
    passed = threading.Event()

    def expire() -> None:
        passed.set()
        server.interrupt()

    timer = _timer(deadline.left(), expire)
    try:
        yield
    except UnavailableError as error:
        if isinstance(error, DeadlineError):
            raise
        if passed.is_set():
            raise _too_late(deadline) from error
        if server.ended:
            raise _gone(server) from error
        raise
    finally:
        if timer:
            timer.cancel()
    if passed.is_set():
        raise _too_late(deadline)
    if server.ended:
        raise _gone(server)


def _timer(seconds: float | None, expire: Callable[[], None]) -> threading.Timer | None:
    if seconds is None:
        return None
    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    return timer


def _too_late(deadline: Deadline) -> DeadlineError:
    return DeadlineError(
        f"the {deadline.seconds:g} s allowed for the drill have passed; the scratch server has been ended",
        hint="allow more time with --timeout, or look at which step took so long: code in the archive may never end",
    )


def _gone(server: ScratchServer) -> UnavailableError:
    return UnavailableError(
        f"the scratch server ended in the middle of the drill: {server.last_words()}",
        hint="was there memory enough, or did somebody end it? This says nothing about the backup; drill it again",
    )
