"""The steps of a run while they go on, and the clocks they are timed by."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbops.errors import ExitCode
from dbops.evidence.judge import error_code
from dbops.model import Step, Verdict, utc_now
from dbops.secrets import redact

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks of a run: what time it is (UTC), and how long something took (seconds)."""

    now: Callable[[], dt.datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class StepRecorder:
    """A step while it runs. Set `exit_code` and `output` (a path, or a few words); it passes unless told otherwise."""

    name: str
    started_at: dt.datetime
    exit_code: int | None = None
    output: str | None = None
    status: Verdict | None = None
    duration_ms: int | None = None

    def fail(self) -> None:
        """Say that the step's answer is no."""
        self.status = Verdict.FAIL

    def inconclusive(self) -> None:
        """Say that the step could not tell."""
        if self.status is not Verdict.FAIL:
            self.status = Verdict.INCONCLUSIVE

    def ended_by(self, error: BaseException) -> None:
        """Judge the step by the error that ended it: damage and crashes are a no, everything else is a doubt."""
        # What the driver raises becomes one of our errors only where its session ends, outside the step: a connection
        # that was lost or a lock that was not to be had says nothing about what the step was asking.
        from_driver = type(error).__module__.partition(".")[0] == "psycopg"
        if not from_driver and error_code(error) in {ExitCode.FAIL, ExitCode.EVIDENCE_BROKEN, ExitCode.BUG}:
            self.fail()
        else:
            self.inconclusive()

    def as_step(self) -> Step:
        """Return the step as it is kept; one that is still open could not tell."""
        status = self.status or (Verdict.INCONCLUSIVE if self.duration_ms is None else Verdict.PASS)
        return Step(
            name=self.name,
            status=status,
            started_at=self.started_at,
            duration_ms=self.duration_ms or 0,
            exit_code=self.exit_code,
            output=redact(self.output) if self.output else self.output,
        )


def milliseconds(seconds: float) -> int:
    """Return seconds of a monotonic clock as whole milliseconds."""
    return round(seconds * 1000)
