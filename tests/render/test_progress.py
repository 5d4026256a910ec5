"""Progress: a bar where a person watches, lines elsewhere, nothing when asked for quiet."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from dbops.render import progress as drawing
from dbops.render.progress import showing

if TYPE_CHECKING:
    from dbops.model import Progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def work(progress: Progress) -> None:
    progress.start("dump \x1b[31m", 2048, "bytes")
    progress.advance(1024)
    progress.start("inner")
    progress.finish()
    progress.advance(1024)
    progress.finish()
    progress.finish()


def test_in_a_pipe_each_task_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_WORTH_A_LINE_MS", 0)
    stream = io.StringIO()
    with showing(stream) as progress:
        work(progress)
    lines = stream.getvalue().splitlines()
    assert ["dbops: dump \\x1b[31m", "dbops: inner"] == lines[:2]
    assert lines[3].startswith("dbops: dump \\x1b[31m: 2.0 KiB in ")


def test_a_short_task_is_one_line() -> None:
    stream = io.StringIO()
    with showing(stream) as progress:
        work(progress)
    assert 2 == len(stream.getvalue().splitlines())


@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_nothing_moves_in_ci_or_on_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    stream = Terminal()
    with showing(stream) as progress:
        work(progress)
    assert "\x1b" not in stream.getvalue()


class Unheard(Terminal):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def write(self, _text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("terminal", [True, False])
def test_work_goes_on_when_nobody_can_be_told(terminal: bool) -> None:
    with showing(Unheard(terminal=terminal)) as progress:
        work(progress)


def test_quiet_draws_nothing() -> None:
    stream = Terminal()
    with showing(stream, quiet=True) as progress:
        work(progress)
    assert "" == stream.getvalue()


def fall_in_the_middle(stream: Terminal) -> None:
    with showing(stream) as progress:
        progress.start("dump")
        raise RuntimeError


def test_a_terminal_gets_its_cursor_back_whatever_happens() -> None:
    stream = Terminal()
    with pytest.raises(RuntimeError):
        fall_in_the_middle(stream)
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")
    assert "dump" in stream.getvalue()
