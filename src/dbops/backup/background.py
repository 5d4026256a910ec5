"""One piece of work beside the main one, in a thread, that never outlives it.

Leaving the block waits for the thread. Where the block is left by an error, the work is asked to end first: nobody
waits an hour for a result that nobody wants. What this does not do: run more than one thing, or retry.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from dbops.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

Result = TypeVar("Result")

# How often a work that does not listen is asked again to end, in seconds.
_ASK_AGAIN = 0.5


class Ending:
    """Ends a program that runs in the background: `ask` is the `cancel` of the work, `look` the program's `on_tick`."""

    def __init__(self, because: str) -> None:
        self._because = because
        self._asked = threading.Event()

    def ask(self) -> None:
        """Ask the program to end."""
        self._asked.set()

    def look(self) -> None:
        """Raise UnavailableError once it has been asked for."""
        if self._asked.is_set():
            raise UnavailableError(f"given up, since {self._because}")


class Background(Generic[Result]):
    """Work that goes on from the beginning of a `with` block; `cancel` makes it fail soon, and may be called often."""

    def __init__(self, work: Callable[[], Result], *, cancel: Callable[[], object]) -> None:
        self._work = work
        self._cancel = cancel
        self._future: Future[Result] = Future()
        self._thread = threading.Thread(target=self._run, name="dbops-background", daemon=True)

    def _run(self) -> None:
        try:
            self._future.set_result(self._work())
        except BaseException as error:  # noqa: BLE001  (handed to whoever waits)
            self._future.set_exception(error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def check(self) -> None:
        """Raise what the work has failed with, if it has: what goes on beside it is then in vain."""
        if self._future.done():
            self._future.result()

    def result(self) -> Result:
        """Wait for the work and return what came of it; raises what it failed with."""
        return self._future.result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while error is not None and self._thread.is_alive():
            # A statement may end and the next one begin just as it is cancelled, hence more than once.
            with contextlib.suppress(Exception):
                self._cancel()
            self._thread.join(_ASK_AGAIN)
        self._thread.join()
