from __future__ import annotations

import inspect

import pytest

from dbops import errors
from dbops.errors import PRECEDENCE, DbopsError, ExitCode, StoppedError

KINDS = sorted(
    (kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, DbopsError)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_deliberate_error_is_documented_and_has_an_exit_code_of_the_contract(kind: type[DbopsError]) -> None:
    assert kind.__doc__
    assert kind is DbopsError or kind.__name__.endswith("Error")
    assert kind.exit_code in {int(code) for code in ExitCode} - {ExitCode.PASS, ExitCode.BUG}


def test_the_exit_codes_are_the_published_ones() -> None:
    published = {"PASS": 0, "FAIL": 1, "USAGE": 2, "UNABLE": 3, "EVIDENCE_BROKEN": 4, "EVIDENCE_NOT_KEPT": 5, "BUG": 70}
    assert {code.name: int(code) for code in ExitCode} == {**published, "LOCKED": 75}


def test_of_several_outcomes_the_gravest_speaks() -> None:
    assert [int(code) for code in PRECEDENCE] == [5, 4, 1, 3, 0]


def test_an_error_carries_what_happened_and_what_to_type() -> None:
    error = DbopsError("the file is gone", hint="put it back")
    assert (str(error), error.message, error.hint, error.report) == (
        "the file is gone",
        "the file is gone",
        "put it back",
        None,
    )


def test_a_stopped_run_names_its_signal() -> None:
    error = StoppedError(15)
    assert error.signal_number == 15
    assert "signal 15" in error.message
