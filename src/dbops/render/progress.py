"""Draws the progress of operations on stderr: a moving bar where a person watches, a line per task elsewhere.

Nothing moves in CI, in a pipe or on a dumb terminal: there a task says that it
begins, and a long one how long it took, so that a log can be read afterwards. `--quiet` draws nothing. Where nobody
can be told any more, by a pipe without a reader or a full disk, the work goes on in silence.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, cast

from dbops.quantities import counted, duration, size
from dbops.render.terminal import ASCII, clean, discard, glyphs_for, on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from dbops.model import Progress

_WORTH_A_LINE_MS = 1000


@contextlib.contextmanager
def showing(stream: TextIO, *, quiet: bool = False, color: bool = True) -> Iterator[Progress]:
    """Hand out the progress that suits `stream`; whatever happens inside, the cursor is given back."""
    heard = cast("TextIO", _Heard(stream))
    if quiet:
        yield Silence()
    elif on_terminal(stream, os.environ):
        bars = Bars(heard, color=color)
        try:
            yield bars
        finally:
            bars.clear()
    else:
        yield Lines(heard)


class _Heard:
    """A stream on which nothing fails: a run is not worth less because nobody watches it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            discard(self._stream)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            discard(self._stream)


def _amount(done: int, unit: str) -> str:
    return size(done) if unit == "bytes" else counted(done, unit.removesuffix("s"), unit) if unit else str(done)


class Silence:
    """No progress at all."""

    def start(self, task: str, total: int | None = None, unit: str = "") -> None:
        """Say nothing."""

    def advance(self, amount: int) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""


@dataclass(slots=True)
class _Task:
    """A running task and how far it is."""

    name: str
    unit: str
    began: float
    done: int = 0


class Lines:
    """A plain line when a task begins, and one when it ends after more than a second."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tasks: list[_Task] = []

    def start(self, task: str, total: int | None = None, unit: str = "") -> None:  # noqa: ARG002  (the protocol's)
        """Say what begins."""
        self._tasks.append(_Task(clean(task), unit, time.monotonic()))
        self._write(self._tasks[-1].name)

    def advance(self, amount: int) -> None:
        """Count, in silence."""
        if self._tasks:
            self._tasks[-1].done += amount

    def finish(self) -> None:
        """Say what a long task did."""
        if not self._tasks:
            return
        task = self._tasks.pop()
        took = round((time.monotonic() - task.began) * 1000)
        if took >= _WORTH_A_LINE_MS:
            self._write(f"{task.name}: {f'{_amount(task.done, task.unit)} in ' if task.done else ''}{duration(took)}")

    def _write(self, line: str) -> None:
        self._stream.write(f"dbops: {line}\n")
        self._stream.flush()


class Bars:
    """A spinner, and a bar where the total is known; gone when the task is done."""

    def __init__(self, stream: TextIO, *, color: bool) -> None:
        from dbops.render.console import console_for

        self._console = console_for(stream, color=color)
        self._spinner = "line" if glyphs_for(stream) is ASCII else "dots"
        self._drawn: RichProgress | None = None
        self._tasks: list[TaskID] = []

    def start(self, task: str, total: int | None = None, unit: str = "") -> None:
        """Draw the task until it is finished."""
        if self._drawn is None:
            self._drawn = _drawing(self._console, self._spinner)
            self._drawn.start()
        self._tasks.append(self._drawn.add_task(clean(task), total=total, unit=unit, text=""))

    def advance(self, amount: int) -> None:
        """Move the bar."""
        if self._drawn is None or not self._tasks:
            return
        self._drawn.advance(self._tasks[-1], amount)
        task = self._drawn.tasks[-1]
        self._drawn.update(
            self._tasks[-1], text=_so_far(int(task.completed), task.total, task.fields["unit"], task.speed)
        )

    def finish(self) -> None:
        """Take the bar away; the cursor comes back with the last one."""
        if self._drawn is None or not self._tasks:
            return
        self._drawn.remove_task(self._tasks.pop())
        if not self._tasks:
            self.clear()

    def clear(self) -> None:
        """Take everything away, finished or not."""
        if self._drawn is not None:
            self._drawn.stop()
        self._drawn = None
        self._tasks.clear()


def _so_far(done: int, total: float | None, unit: str, speed: float | None) -> str:
    if unit == "bytes":
        return size(done) + (f", {size(int(speed))}/s" if speed else "")
    return f"{done} of {int(total)} {unit}" if total is not None else f"{done} {unit}".strip()


def _drawing(console: Console, spinner_name: str) -> RichProgress:
    from rich import progress

    spinner = progress.SpinnerColumn(spinner_name)
    name = progress.TextColumn("{task.description}", markup=False)
    so_far = progress.TextColumn("{task.fields[text]}", markup=False)
    columns = (spinner, name, progress.BarColumn(bar_width=24), so_far, progress.TimeElapsedColumn())
    return progress.Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
