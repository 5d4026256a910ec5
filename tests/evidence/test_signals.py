"""What a signal interrupted cannot hide, by failing to clean up, that it was a signal."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from dbops.errors import StoppedError, TimeLimitError, UnavailableError
from dbops.evidence.run import Run
from dbops.evidence.signals import stoppable, time_limit, uninterrupted, what_ended

if TYPE_CHECKING:
    from pathlib import Path


def interrupted_and_failing_to_clean_up() -> None:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        try:
            {}["cleaning up"]
        except KeyError:
            raise UnavailableError("the session was in the middle of something") from None


def test_an_error_in_the_wake_of_a_signal_stands_for_the_signal() -> None:
    with stoppable(), pytest.raises(UnavailableError) as raised:
        interrupted_and_failing_to_clean_up()
    assert StoppedError is type(what_ended(raised.value))


def test_an_error_of_its_own_stands_for_itself() -> None:
    error = UnavailableError("no")
    error.__context__ = KeyError("x")
    error.__context__.__context__ = error
    assert error is what_ended(error)


def test_a_run_that_a_signal_ended_is_recorded_as_aborted_whatever_failed_after_it(tmp_path: Path) -> None:
    with stoppable(), pytest.raises(StoppedError) as raised, Run.start("audit", tmp_path / "logs", "index-audit"):
        interrupted_and_failing_to_clean_up()
    assert 143 == raised.value.report.exit_code
    assert b'"run.aborted"' in (tmp_path / "logs" / "evidence" / "log.jsonl").read_bytes()


def record_slowly(reached: list[str]) -> None:
    with time_limit(0.05):
        with uninterrupted():
            time.sleep(0.2)
            reached.append("the end of the record")
        reached.append("too far")


def test_a_time_limit_waits_while_a_record_is_written_and_ends_with_its_block() -> None:
    reached: list[str] = []
    with stoppable(), pytest.raises(TimeLimitError):
        record_slowly(reached)
    assert ["the end of the record"] == reached
    assert signal.SIG_DFL == signal.getsignal(signal.SIGALRM)
    assert 0.0 == signal.getitimer(signal.ITIMER_REAL)[0]


def swallow_a_signal() -> None:
    with contextlib.suppress(Exception):
        os.kill(os.getpid(), signal.SIGTERM)


class Ending:
    """Something in whose destructor a signal comes, where Python drops every exception."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def meet(number: signal.Signals) -> None:
    Ending(number)
    time.sleep(5)


def test_a_signal_in_a_destructor_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StoppedError), stoppable():
        meet(signal.SIGTERM)
    assert "" == capsys.readouterr().err


def test_a_time_limit_in_a_destructor_is_not_lost() -> None:
    with pytest.raises(TimeLimitError), stoppable(), time_limit(60):
        meet(signal.SIGALRM)
    assert signal.SIG_DFL == signal.getsignal(signal.SIGALRM)
    assert 0.0 == signal.getitimer(signal.ITIMER_REAL)[0]


def test_a_run_whose_signal_somebody_swallowed_does_not_pass(tmp_path: Path) -> None:
    with stoppable(), pytest.raises(StoppedError) as raised, Run.start("audit", tmp_path / "logs", "index-audit"):
        swallow_a_signal()
    assert (143, "inconclusive") == (raised.value.report.exit_code, raised.value.report.verdict)


def test_under_nohup_a_run_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.SIG_IGN == signal.getsignal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
