"""A signal to stop as an exception in the main thread, once; the second one ends the process on the spot.

Installed by the boundary around a whole command, so that `finally` blocks take down servers and children and the run is
recorded as aborted. While a record is being written the signal waits. A time limit is an alarm of the same kind. What
Python drops, an exception in a destructor, is raised again. The only state is the process's own table of handlers.
What it does not do: catch SIGKILL; the next run finds out about that one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from dbops.errors import DbopsError, StoppedError, TimeLimitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# A terminal that closes sends SIGHUP, Ctrl-\ SIGQUIT: servers and children have to go down with those as well.
_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


# By then a destructor in which an exception was raised has ended.
_AGAIN_SECONDS = 0.02


class _Stopper:
    """The handler: raises StoppedError for the first signal, or keeps it while a record is being written."""

    def __init__(self) -> None:
        self.first: int | None = None
        self._waiting: DbopsError | None = None
        self._held = 0
        self._hook = sys.unraisablehook

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self.first is not None:
            # The user asked twice, or cleaning up hangs: go at once, with the disposition the caller will see.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self.first = number
        self.interrupt(StoppedError(number))

    def interrupt(self, error: DbopsError) -> None:
        """Raise `error` in what is going on, or when the record that is being written is on disk."""
        if self._held:
            self._waiting = error
            return
        raise error

    def take_up(self, unraisable: Any) -> None:
        """Raise in a moment what Python dropped: it came in a destructor, or as a weak reference was cleared."""
        error = unraisable.exc_value
        if isinstance(error, StoppedError | TimeLimitError):
            signal.signal(signal.SIGALRM, lambda *_: self.interrupt(error))
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        else:
            self._hook(unraisable)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._waiting and not self._held:
            error, self._waiting = self._waiting, None
            raise error


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Turn the first signal of `_CAUGHT` inside into StoppedError; does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopper = _Stopper()
    # Under nohup a run is meant to outlive its terminal.
    deaf = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else set()
    heard = [number for number in _CAUGHT if number not in deaf]
    before = {number: signal.signal(number, stopper) for number in heard}
    alarm, hook, sys.unraisablehook = signal.getsignal(signal.SIGALRM), sys.unraisablehook, stopper.take_up
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise TimeLimitError inside once `seconds` of wall-clock time have passed; None for no limit.

    Does nothing outside the main thread. The limit ends with the block: what is written after it is not cut short.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    stopper = signal.getsignal(signal.SIGTERM)
    interrupt = stopper.interrupt if isinstance(stopper, _Stopper) else _raise

    def expire(_number: int, _frame: FrameType | None) -> None:
        interrupt(
            TimeLimitError(
                f"the time limit of {seconds:g} s has passed; what was running has been ended",
                hint="give it longer with --timeout, or find out which step takes so long: --verbose",
            )
        )

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def swallowed() -> StoppedError | None:
    """Return the signal that came, was raised, and was taken for an ordinary error by somebody's `except Exception`.

    To be asked where everything seems to have ended well: the user said stop, and must not be told that all is done.
    """
    handler = signal.getsignal(signal.SIGTERM)
    number = handler.first if isinstance(handler, _Stopper) else None
    return None if number is None else StoppedError(number)


def what_ended(error: BaseException) -> BaseException:
    """Return the signal or time limit in whose wake `error` was raised, else `error` itself.

    What is interrupted cleans up, and cleaning up what was cut off in the middle may fail: that failure must not hide
    why it was cut off.
    """
    seen: set[int] = set()
    behind: BaseException | None = error
    while behind is not None and id(behind) not in seen:
        if isinstance(behind, StoppedError | TimeLimitError):
            return behind
        seen.add(id(behind))
        behind = behind.__context__ or behind.__cause__
    return error


def _raise(error: DbopsError) -> None:
    raise error


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Make the first signal wait until the block has ended; an error of the block goes before it."""
    handler = signal.getsignal(signal.SIGTERM)
    if isinstance(handler, _Stopper) and threading.current_thread() is threading.main_thread():
        with handler.held():
            yield
    else:
        yield
