"""One wall-clock limit for an operation of many steps, on the monotonic clock.

Each step asks how much is left; the first one that finds nothing raises. What it does not do: interrupt (the process
runner and the sessions do, with what they are given here).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

from dbops.errors import DeadlineError


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock after which nothing more is begun; `seconds` were allowed, None: no limit."""

    seconds: float | None
    end: float | None

    @classmethod
    def after(cls, seconds: float | None) -> Self:
        """Return the deadline that is `seconds` from now; None for no limit."""
        return cls(seconds, None if seconds is None else time.monotonic() + seconds)

    def left(self) -> float | None:
        """Return the seconds that are left, None without a limit. Raises DeadlineError when there are none."""
        if self.end is None:
            return None
        remaining = self.end - time.monotonic()
        if remaining <= 0:
            raise DeadlineError(
                f"the {self.seconds:g} s allowed for all of it have passed", hint="allow more time with --timeout"
            )
        return remaining
